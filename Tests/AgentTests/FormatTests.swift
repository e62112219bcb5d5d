import Agent
import Telemetry
import Testing
import TestSupport

@Suite struct FormatTests {
    @Test func `Docker's and Kubernetes' lines`() {
        let stamp: Int64 = 1_787_392_800_123_456_789
        let docker: [(String, ContainerLine?)] = [
            (#"{"log":"a\u0041\n","stream":"stderr","time":"2026-08-22T10:00:00.123456789Z"}"#,
             ContainerLine(text: Array("aA".utf8), output: .stderr, time: stamp, isPartial: false)),
            (#"{"stream":"stdout","log":"part","attrs":{"tag":"x"},"time":"2026-08-22T10:00:00.123456789Z"}"#,
             ContainerLine(text: Array("part".utf8), output: .stdout, time: stamp, isPartial: true)),
            (#"{"log":"crlf\r\n","time":"soon"}"#,
             ContainerLine(text: Array("crlf".utf8), output: .stdout, time: nil, isPartial: false)),
            ("{\"log\":\"torn", nil), ("plain", nil), ("{}", nil), ("", nil), ("[1]", nil),
        ]
        for (line, expected) in docker { #expect(ContainerLine.docker(Array(line.utf8)[...]) == expected, "\(line)") }
        let cri: [(String, ContainerLine?)] = [
            ("2026-08-22T10:00:00.123456789Z stdout F a b", ContainerLine(text: Array("a b".utf8), output: .stdout, time: stamp, isPartial: false)),
            ("2026-08-22T12:00:00.123456789+02:00 stderr P a", ContainerLine(text: Array("a".utf8), output: .stderr, time: stamp, isPartial: true)),
            ("2026-08-22T10:00:00.123456789Z stdout F ", ContainerLine(text: [], output: .stdout, time: stamp, isPartial: false)),
            ("2026-08-22T10:00:00.123456789Z stdout F", ContainerLine(text: [], output: .stdout, time: stamp, isPartial: false)),
            ("now stdout F a", nil), ("2026-08-22T10:00:00Z stdin F a", nil), ("", nil),
        ]
        for (line, expected) in cri { #expect(ContainerLine.cri(Array(line.utf8)[...]) == expected, "\(line)") }
    }

    @Test func `pieces of a container's lines are put together for each output`() {
        func piece(_ text: String, _ output: ContainerOutput, _ isPartial: Bool) -> ContainerLine {
            ContainerLine(text: Array(text.utf8), output: output, time: nil, isPartial: isPartial)
        }
        var assembler = ContainerAssembler(longest: 16)
        var out: [String] = []
        let pieces = [
            piece("ab", .stdout, true), piece("E", .stderr, true), piece("cd", .stdout, true), piece("ef", .stdout, false),
            piece("F", .stderr, false), piece("0123456789", .stdout, true), piece("0123456789", .stdout, false),
            piece("left", .stderr, true),
        ]
        var starts: [Int?] = []
        for (index, piece) in pieces.enumerated() {
            if let whole = assembler.add(piece, start: index) { out.append("\(String(decoding: whole.text, as: UTF8.self))@\(whole.start)") }
            starts.append(assembler.pendingStart)
        }
        #expect(out == ["abcdef@0", "EF@1", "0123456789012345…[cut: 20 bytes]@5"])
        #expect(starts == [0, 0, 0, 1, nil, 5, nil, 7])
        assembler.flush { output, text, _, _ in #expect(output == .stderr && text == Array("left".utf8)) }
        #expect(assembler.pendingStart == nil)
    }

    @Test func `what Docker tells of a container`() {
        let text = #"{"StreamConfig":{},"ID":"4f1d00aa11bb22","Name":"/shop-1","LogPath":"/x","Config":{"Image":"shop:1","Env":["A=b"],"Labels":{"com.docker.compose.service":"web","team.name":"blue"}},"State":{"Running":true}}"#
        let container = DockerContainer.read(Array(text.utf8))
        #expect(container?.streamLabels == [Label("container", "shop-1"), Label("compose_service", "web")])
        #expect(container?.metaLabels.contains(Label("__meta_docker_container_label_team_name", "blue")) == true)
        for bad in ["", "{", "[]", "{\"Config\":3}", "{\"ID\":7}"] { #expect(DockerContainer.read(Array(bad.utf8)) == nil, "\(bad)") }
    }

    @Test func `the journal's export format, however its bytes come`() {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 60)) {
            var chance = SeededGenerator(seed: seed)
            var bytes: [UInt8] = []
            var expected: [JournalEntry] = []
            var ends: [Int] = []
            for number in 0..<20 {
                var entry = JournalEntry()
                entry.fields.append(.init(name: "__CURSOR", value: Array("c\(number)".utf8)))
                for field in 0..<Int.random(in: 0...4, using: &chance) {
                    let isBinary = Bool.random(using: &chance)
                    let count = Int.random(in: 0...40, using: &chance)
                    let value = (0..<count).map { _ in isBinary ? UInt8.random(in: 0...255, using: &chance) : 65 }
                    entry.fields.append(.init(name: "F\(field)", value: value))
                    if !isBinary { continue }
                }
                for field in entry.fields {
                    bytes += Array(field.name.utf8)
                    if field.value.contains(where: { $0 < 32 || $0 > 126 }) || Bool.random(using: &chance) {
                        bytes.append(0x0a)
                        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: field.value.count >> (8 * shift))) }
                        bytes += field.value
                    } else {
                        bytes += [0x3d] + field.value
                    }
                    bytes.append(0x0a)
                }
                bytes.append(0x0a)
                expected.append(entry)
                ends.append(bytes.count)
            }
            var reader = JournalExportReader(longest: 1_024)
            var found: [JournalEntry] = []
            var foundEnds: [Int] = []
            var at = 0
            while at < bytes.count {
                let count = min(bytes.count - at, Int.random(in: 1...90, using: &chance))
                reader.feed(Array(bytes[at..<(at + count)])) { entry, end in
                    found.append(entry)
                    foundEnds.append(end)
                }
                at += count
            }
            #expect(found == expected && foundEnds == ends && reader.problems == 0, "seed \(seed)")
        }
    }

    @Test func `long, broken and hostile journals stay bounded`() {
        func read(_ bytes: [UInt8]) -> [JournalEntry] {
            var reader = JournalExportReader(longest: 1_024)
            var out: [JournalEntry] = []
            for start in stride(from: 0, to: bytes.count, by: 1_000) {
                reader.feed(Array(bytes[start..<min(bytes.count, start + 1_000)])) { entry, _ in out.append(entry) }
            }
            return out
        }
        let long = [UInt8](repeating: 0x61, count: 9_000)
        let text = read(Array("__CURSOR=a\nMESSAGE=".utf8) + long + Array("\n_PID=3\n\n__CURSOR=b\n\n".utf8))
        #expect(text.map(\.cursor) == ["a", "b"] && text.first?.text("_PID") == "3")
        #expect(text.first?.text("MESSAGE")?.hasSuffix("bytes]") == true && (text.first?["MESSAGE"]?.count ?? 9_000) < 1_100)
        let size: [UInt8] = [0x28, 0x23, 0, 0, 0, 0, 0, 0]
        let binary = read(Array("__CURSOR=a\nMESSAGE\n".utf8) + size + long + Array("\n_PID=3\n\n__CURSOR=b\n\n".utf8))
        #expect(binary.map(\.cursor) == ["a", "b"] && binary.first?.text("_PID") == "3")
        let bomb = [UInt8](repeating: 0xff, count: 8)
        #expect(read(Array("__CURSOR=a\nMESSAGE\n".utf8) + bomb + Array("\n\n__CURSOR=b\n\n".utf8)).last?.cursor == "b")
        #expect(read(Array("garbage without anything\n\n\n\n__CURSOR=b\n\n".utf8)).last?.cursor == "b")
    }

    @Test func `times in the forms that logs have`() throws {
        let now: Int64 = 1_787_400_000_000_000_000
        let ten: Int64 = 1_787_392_800_000_000_000
        let cases: [(String, String, Int64?)] = [
            ("rfc3339", "2026-08-22T10:00:00.5Z", ten + 500_000_000), ("RFC3339Nano", "2026-08-22T12:00:00+02:00", ten),
            ("unix", "1787392800", ten), ("unix", "1787392800.25", ten + 250_000_000), ("unix_ms", "1787392800001", ten + 1_000_000),
            ("UnixNs", "1787392800000000007", ten + 7), ("unix", "soon", nil), ("unix", "99999999999999999999", nil), ("unix", "", nil),
            ("%Y-%m-%d %H:%M:%S", "2026-08-22 10:00:00", ten), ("%Y-%m-%d %H:%M:%S,%f", "2026-08-22 10:00:00,123 INFO", ten + 123_000_000),
            ("%d/%b/%Y:%H:%M:%S %z", "22/Aug/2026:12:00:00 +0200", ten), ("%b %e %H:%M:%S", "Aug 22 10:00:00 host", ten),
            ("%b %e %H:%M:%S", "Aug  2 10:00:00", ten - 20 * 86_400_000_000_000),
            ("%b %d %H:%M:%S", "Dec 31 10:00:00", ten - 234 * 86_400_000_000_000), ("%FT%TZ", "2026-08-22T10:00:00Z", ten),
            ("%m/%d/%y %I:%M:%S %p", "08/22/26 10:00:00 AM", ten), ("%m/%d/%y %I:%M:%S %p", "08/22/26 12:00:00 PM", ten + 7_200_000_000_000),
            ("%a, %d %b %Y %H:%M:%S %Z", "Sat, 22 Aug 2026 10:00:00 GMT", ten), ("%Y-%m-%d", "2026-13-01", nil), ("%Y", "20", nil),
        ]
        for (format, text, expected) in cases {
            #expect(try TimeFormat(format).parse(Array(text.utf8)[...], now: now) == expected, "\(text) as \(format)")
        }
        #expect(try TimeFormat("%H:%M %Y-%m-%d", zone: 7_200).parse(Array("12:00 2026-08-22".utf8)[...], now: now) == ten)
        for bad in ["yesterday", "%Q", "%"] { #expect(throws: AgentError.self, "\(bad)") { try TimeFormat(bad) } }
    }
}
