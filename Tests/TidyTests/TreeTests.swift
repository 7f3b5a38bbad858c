// SPDX-License-Identifier: Apache-2.0

import Testing

/// The house rules that a machine can check, on the whole tree.
@Suite struct `The tree` {
    let tree: SourceTree

    init() throws {
        tree = try SourceTree.package.get()
    }

    @Test func `has something to check in every part`() {
        #expect(tree.sources.contains { $0.isSwift })
        #expect(tree.sources.contains { $0.isScript })
        #expect(tree.tests.contains { $0.isSwift })
        #expect(!tree.tools.isEmpty)
        #expect(!tree.pages.isEmpty)
    }

    @Test func `has no Swift file over 600 lines`() {
        expectNone(Sizes.longFiles(tree.swift))
    }

    @Test func `has no function over 70 lines`() {
        expectNone(Sizes.longFunctions(tree.swift))
    }

    @Test func `names its licence first in every file`() {
        expectNone(Headers.missingLicences(tree.all))
    }

    @Test func `says the name and purpose of every Lua and SQL file`() {
        expectNone(Headers.unnamedScripts(tree.sources))
    }

    @Test func `makes no banned call`() {
        expectNone(Calls.bannedCalls(tree.sources))
    }

    @Test func `waits by no clock that can be set back`() {
        expectNone(Calls.wallClockWaits(tree.sources))
    }

    @Test func `explains every task without a parent`() {
        expectNone(Calls.unexplainedTasks(tree.sources))
    }

    @Test func `does not sleep in tests`() {
        expectNone(Calls.sleepsInTests(tree.tests))
    }

    @Test func `leaves nothing marked as unfinished`() {
        expectNone(Texts.unfinishedWork(tree.all))
    }

    @Test func `names no path of one machine`() {
        expectNone(Texts.machinePaths(tree.all))
    }

    @Test func `imports only what each target is allowed to`() {
        expectNone(Imports.foreignImports(tree.sources))
    }

    @Test func `uses every Lua and SQL file`() {
        expectNone(Layout.unusedScripts(tree.sources))
    }

    @Test func `has a target for every folder and a folder for every target`() {
        expectNone(Layout.strayFolders(tree.sources + tree.tests, tree.manifest))
    }
}
