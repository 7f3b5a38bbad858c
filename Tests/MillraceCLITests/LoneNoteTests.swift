// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceWorker
import Testing

@testable import MillraceCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a process for suspects says of itself, and what is made of it when it ends.
@Suite("Lone runs") struct LoneNoteTests {
    private let process = ProcessID(number: 7)
    private let job: JobID

    init() {
        var generator = SystemRandomNumberGenerator()
        job = JobID(at: .now(), using: &generator)
    }

    @Test func `the note says what was written last`() throws {
        let note = try LoneNote()
        defer { note.close() }

        #expect(note.read() == .idle)
        for run in [LoneRun.running(job), .stuck(job), .running(job), .stopping(job), .idle] {
            note.write(run)
            #expect(note.read() == run)
        }
    }

    @Test func `a child takes the descriptor that it was told, if that is a file`() throws {
        let note = try LoneNote()
        defer { note.close() }

        let child = try #require(LoneNote([LoneNote.variable: "\(note.descriptor)"]))
        child.write(.running(job))

        #expect(note.read() == .running(job))
        #expect(LoneNote([:]) == nil)
        #expect(LoneNote([LoneNote.variable: "0"]) == nil)
        #expect(LoneNote([LoneNote.variable: "4711"]) == nil)
    }

    private func blame(_ ending: ChildEnding, _ run: LoneRun, wasStopped: Bool = false) -> ProcessCrash? {
        ChildEnd(ending, loneRun: run).blame(process: process, isAlone: true, wasStopped: wasStopped)
    }

    @Test func `a signal from within is certain, but only of a job whose handler ran`() {
        #expect(blame(.signalled(SIGILL), .idle) == nil)
        for run in [LoneRun.running(job), .stopping(job), .stuck(job)] {
            #expect(
                blame(.signalled(SIGILL), run)
                    == ProcessCrash(
                        process: process, alone: job, report: "the process in which it ran alone ended by SIGILL"))
        }
    }

    @Test(arguments: [0, 3, 255]) func `an exit in the middle of a run counts, whatever its code`(code: Int32) {
        #expect(blame(.exited(code), .idle) == nil)
        #expect(
            blame(.exited(code), .running(job))
                == ProcessCrash(
                    process: process, alone: job,
                    report: "the process in which it ran alone ended with exit code \(code)", isCertain: false))
        #expect(blame(.exited(code), .running(job), wasStopped: true) == nil, "its supervisor told it to end")
        #expect(blame(.exited(code), .stopping(job)) == nil, "somebody told it to end")
    }

    @Test func `a time-out that is ignored counts, whoever ends the process`() throws {
        let crash = try #require(blame(.exited(0), .stuck(job)))

        #expect(!crash.isCertain)
        #expect(crash.report.hasPrefix("it ran past its time-out and ignored its cancellation"))
        #expect(
            crash.lastReport.hasPrefix("buried after 3 lone runs of which none ended in order; the last one: it ran"))
        #expect(blame(.exited(0), .stuck(job), wasStopped: true) == crash)
        for signal in [SIGKILL, SIGTERM] {
            #expect(blame(.signalled(signal), .stuck(job)) == crash)
            #expect(blame(.signalled(signal), .stuck(job), wasStopped: true) == crash)
        }
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func `signals that operators and systems send blame nobody`(signal: Int32) {
        for run in [LoneRun.running(job), .stopping(job)] {
            #expect(blame(.signalled(signal), run) == nil)
            #expect(blame(.signalled(signal), run, wasStopped: true) == nil)
        }
    }

    @Test(arguments: [SIGALRM, SIGPIPE, SIGUSR1]) func `other signals count`(signal: Int32) {
        #expect(blame(.signalled(signal), .running(job))?.isCertain == false)
        #expect(blame(.signalled(signal), .stopping(job)) == nil)
    }

    @Test func `a process of many jobs blames all of them, and only for a crash`() {
        let crash = ChildEnd(.signalled(SIGSEGV)).blame(process: process, isAlone: false, wasStopped: false)

        #expect(crash?.alone == nil && crash?.process == process)
        #expect(ChildEnd(.exited(3)).blame(process: process, isAlone: false, wasStopped: false) == nil)
        #expect(ChildEnd(.signalled(SIGKILL)).blame(process: process, isAlone: false, wasStopped: false) == nil)
    }
}
