// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import Testing

@testable import Storefront

/// Compared with Stripe's own library for Python.
@Suite("StripeSignature", .needsPython) struct StripeSignatureTests {
    /// Makes signatures and says of headers what the library says; a JSON array in, one out.
    private static let oracle = """
        import json, sys, time
        from stripe import SignatureVerificationError, WebhookSignature as oracle

        def sign(case):
            now = int(time.time()) + case['offset']
            signed = [oracle._compute_signature('%d.%s' % (now, case['body']), secret) for secret in case['secrets']]
            return case['form'].format(t=now, a=signed[0], b=signed[1])

        def judge(header, body, secret):
            try:
                return oracle.verify_header(body, header, secret, 300)
            except (SignatureVerificationError, ValueError):
                return False

        answers = []
        for case in json.load(sys.stdin):
            header = sign(case)
            answers.append({'header': header, 'verdict': judge(header, case['received'], case['secrets'][0])})
        json.dump(answers, sys.stdout)
        """

    private struct Case: Codable {
        var body: String
        var received: String
        var secrets: [String]
        var form: String
        var offset: Int
    }

    private struct Answer: Codable {
        var header: String
        var verdict: Bool
    }

    @Test func `are judged as by the library of those who make them`() async throws {
        var generator = SplitMix64(seed: 256)
        let forms = [
            "t={t},v1={a}", "t={t},v1={b}", "t={t},v1={b},v1={a}", "t={t},v0={a},v1={a}", "t={t},v0={a}",
            "v1={a},t={t}",
            "t={t}", "v1={a}", "", "t={t},v1=", "t={t},v1={a}0", "t=abc,v1={a}", "t={t},v1=zz,v1={a}", "nonsense",
            "t={t},v1={b},v1={b}",
        ]
        let cases = (0..<400).map { number in
            let body = #"{"id":"evt_\#(number)","text":"\#(["ä€🂡", "x", ""].randomElement(using: &generator) ?? "")"}"#
            return Case(
                body: body, received: Int.random(in: 0..<5, using: &generator) == 0 ? body + " " : body,
                secrets: ["whsec_\(number)", "whsec_other"], form: forms[number % forms.count],
                offset: [0, 0, -100, -250, -400, -100_000].randomElement(using: &generator) ?? 0)
        }

        let answers = try await Self.ask(cases)

        var valid = 0
        for (question, answer) in zip(cases, answers) {
            let signature = StripeSignature(answer.header)
            let isValid = signature?.isValid(
                for: Array(question.received.utf8), secret: Secret(question.secrets[0]))
            let verdict = isValid == true && signature?.isCurrent(at: .now()) == true
            #expect(verdict == answer.verdict, "\(answer.header)")
            valid += answer.verdict ? 1 : 0
        }
        #expect(answers.count == cases.count)
        #expect(50..<300 ~= valid, "both verdicts must be among the cases: \(valid)")
    }

    @Test func `from far ahead of this clock is refused`() async throws {
        let question = Case(
            body: "{}", received: "{}", secrets: ["whsec_a", "whsec_b"], form: "t={t},v1={a}", offset: 0)
        let header = try #require(try await Self.ask([question]).first?.header)
        let signature = try #require(StripeSignature(header))

        func verdict(_ offset: Duration) -> Bool {
            signature.isCurrent(at: .now() + offset)
        }
        #expect(signature.isValid(for: Array("{}".utf8), secret: Secret("whsec_a")))
        #expect(verdict(.zero) && verdict(.seconds(290)) && verdict(.seconds(-290)))
        #expect(!verdict(.seconds(310)) && !verdict(.seconds(-310)))
    }

    private static func ask(_ cases: [Case]) async throws -> [Answer] {
        let question = try JSONEncoder().encode(cases)
        let folder = FileManager.default.temporaryDirectory
        let (input, output) = (
            folder.appending(path: "q-\(UUID().uuidString)"), folder.appending(path: "a-\(UUID().uuidString)")
        )
        try question.write(to: input)
        try Data().write(to: output)
        defer { for file in [input, output] { try? FileManager.default.removeItem(at: file) } }
        let process = Process()
        process.executableURL = URL(filePath: try #require(FakeGateway.python))
        process.arguments = ["-c", oracle]
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        await eventually(within: .seconds(60), "the oracle has ended") { !process.isRunning }
        try #require(!process.isRunning && process.terminationStatus == 0)
        return try JSONDecoder().decode([Answer].self, from: try Data(contentsOf: output))
    }
}
