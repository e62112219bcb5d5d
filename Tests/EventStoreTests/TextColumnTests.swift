import Codecs
import Foundation
import Patterns
import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

/// Lines as programs write them, and as nobody should.
struct LineGenerator {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    mutating func pick(_ list: [String]) -> String { list[number(list.count)] }
    mutating func hexadecimal(_ count: Int, upper: Bool = false) -> String {
        let alphabet = Array(upper ? "0123456789ABCDEF" : "0123456789abcdef")
        return String((0..<count).map { _ in alphabet[number(16)] })
    }
    mutating func padded(_ limit: Int, _ width: Int) -> String {
        let digits = String(number(limit))
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    mutating func clock() -> String { "\(padded(24, 2)):\(padded(60, 2)):\(padded(60, 2))" }
    mutating func word() -> String {
        String((0..<number(9) + 1).map { _ in Character(UnicodeScalar(UInt8(97 + number(26)))) })
    }

    mutating func line(_ shape: Int) -> [UInt8] {
        switch shape {
        case 0:
            return Array(
                #"{"ts":"2026-11-21T\#(clock()).\#(padded(1_000_000, 6))Z","level":"\#(pick(["info", "warn"]))","msg":"order \#(number(9000)) of \#(word()) \"x\" é","trace_id":"\#(hexadecimal(32))","n":\#(number(5) == 0 ? "-" : "")\#(number(900)),"f":\#(number(10)).\#(number(1000)),"ok":\#(pick(["true", "false", "null"])),"o":{"a":\#(number(9)),"b":[1,\#(number(3)),{"c":"]"}]}}"#
                    .utf8)
        case 1:
            return Array(
                #"level=\#(pick(["info", "error"])) msg="took \#(number(500))ms for \#(word())" path=/api/\#(word())/\#(number(99)) empty= id=\#(hexadecimal(16, upper: true)) dur=\#(number(9)).\#(padded(1000, 3))s"#
                    .utf8)
        case 2:
            return Array(
                #"10.\#(number(256)).\#(number(256)).1 - \#(pick(["-", "bob", "eve77"])) [\#(padded(28, 2).replacingZero)/Nov/2026:\#(clock()) +0100] "GET /\#(word())?q=\#(number(50)) HTTP/1.1" \#(pick(["200", "404"])) \#(number(90000)) "-" "Mozilla/5.0 (X11; \#(word()))""#
                    .utf8)
        case 3:
            return Array(
                "2026-02-\(padded(31, 2)) \(clock()),\(padded(1000, 3)) [worker-\(number(20))] \(pick(["INFO", "WARN"])) c.s.\(word()) - user \(word()) did \(pick(["pay", "cancel"])) item42 x\(hexadecimal(8))\n\tat a.b.C(C.java:\(number(400)))"
                    .utf8)
        case 4:
            return Array(
                "\(hexadecimal(8))-\(hexadecimal(4))-\(hexadecimal(4))-\(hexadecimal(4))-\(hexadecimal(12))".utf8)
        case 5: return []
        case 6: return (0..<number(60)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        case 7:
            return Array(
                pick([
                    "\"", "{", "{\"", "{\"a\"", "{\"a\":", "{\"a\":1", "a=", "a=\"", "=", "a=b c", "-", "-0", "007",
                    "2026-11-21T20:15:42", "\\", "{}", "{\"a\":{}}", "99999999999999999999", "{\"a\\\":1}",
                ]).utf8)
        case 8:
            return Array(
                (0..<number(12)).map { _ in pick(["1", "-", "0", "ab", " ", "\"", "=", "{", "}", ":", ",", "\\"]) }
                    .joined().utf8)
        case 9: return Array("v\(number(20)) \(number(3)) \(word())".utf8)
        case 10: return Array("Nov 21 \(clock()) host sshd[\(number(30000))]: session opened for \(word())".utf8)
        case 11:
            return Array(
                (["failed \(hexadecimal(6))"]
                    + (0..<number(9)).map { _ in
                        "\tat shop.\(pick(["Cart", "Pay", "Order"])).run(\(pick(["A", "B"])).java:\(number(40)))"
                    })
                    .joined(separator: "\n").utf8)
        default: return Array("\(1_700_000_000_000 + number(100_000)) \(padded(100, 2))\(pick(["", "0"]))".utf8)
        }
    }
}

extension String {
    fileprivate var replacingZero: String { self == "00" ? "01" : self }
}

struct TextColumnTests {
    static func column(_ lines: [[UInt8]], rows: [Int]? = nil) -> EventColumn {
        var column = EventColumn(name: EventColumnName.line)
        for (i, line) in lines.enumerated() {
            column.append(row: rows.map { $0[i] } ?? i, kind: .string, payload: line[...])
        }
        return column
    }

    static func entry(_ encoded: EncodedColumn) -> ColumnEntry {
        ColumnEntry(
            name: encoded.name, encoding: encoded.encoding, count: encoded.count, kind: encoded.kind,
            bounds: encoded.bounds, chunk: .none, filterKind: .none, filter: .none)
    }

    static func lines(_ column: DecodedColumn) -> [[UInt8]] {
        guard case .plain(_, _, let ends, let bytes) = column.values else { return [] }
        return ends.indices.map { Array(bytes[column.range($0, ends)]) }
    }

    @Test func everyLineComesBackByteForByte() throws {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 60)) {
            var generator = LineGenerator(seed: seed)
            let count = [8, 20, 300, 2000][generator.number(4)]
            // Some blocks are of one kind of line, as streams are; some of all.
            let only = generator.number(17)
            var lines = (0..<count).map { _ in generator.line(only < 13 ? only : generator.number(13)) }
            if seed % 10 == 0 { lines[count / 2] = Array(repeating: 0x61, count: 300_000) }
            if seed % 15 == 0 { lines[count / 3] = Array(repeating: 0x22, count: 70_000) }
            let sparse = generator.number(3) == 0
            let rows = sparse ? (0..<count).map { $0 * 2 + 1 } : nil
            let rowCount = sparse ? count * 2 + 1 : count
            let start: Int64 = 1_795_291_200_000_000_000
            let times = (0..<rowCount).map { start + Int64($0) * 1_000_003 - Int64(generator.number(3)) }
            let codec: BlockCodec = [.raw, .zlib, .best][generator.number(3)]
            let column = TextColumnTests.column(lines, rows: rows)
            let encoded = ColumnWriter(codec: codec).encode(column, rowCount: rowCount, times: times, exactFilter: true)
            let decoded = try ColumnReader.decode(
                encoded.body, entry: TextColumnTests.entry(encoded), rowCount: rowCount,
                times: { () throws(CodecError) in times })
            guard encoded.encoding == .text else { continue }
            #expect(TextColumnTests.lines(decoded) == lines, "seed \(seed)")
            #expect((0..<count).allSatisfy { decoded.row(at: $0) == (rows?[$0] ?? $0) }, "seed \(seed)")
        }
    }

    /// Lines of one shape (below 13) or of all, encoded; nil where they do not become a text column.
    private static func sample(
        _ generator: inout LineGenerator, _ count: Int
    ) throws -> (shape: Int, lines: [[UInt8]], encoded: EncodedColumn, text: TextColumn)? {
        let only = generator.number(17)
        let lines = (0..<count).map { _ in generator.line(only < 13 ? only : generator.number(13)) }
        let times = (0..<count).map { 1_795_291_200_000_000_000 + Int64($0) * 1_000_003 }
        let encoded = ColumnWriter(codec: .best).encode(
            column(lines), rowCount: count, times: times, exactFilter: true)
        guard encoded.encoding == .text else { return nil }
        let text = try TextColumn(
            encoded.body, entry: entry(encoded), rowCount: count, times: { () throws(CodecError) in times })
        return (only, lines, encoded, text)
    }

    /// Ids of a length, many enough to lie byte by byte.
    @Test(arguments: [(16, false), (17, false), (32, false), (33, true), (64, true), (127, false), (130, false)])
    func piecesOfIdsAreFoundInPlanes(_ digits: Int, _ isUpperCase: Bool) throws {
        var random = SeededGenerator(seed: UInt64(digits))
        let alphabet = Array((isUpperCase ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
        func id(_ count: Int) -> [UInt8] { (0..<count).map { _ in alphabet[Int(random.next() % 16)] } }
        let lines = (0..<700).map { Array("trace=".utf8) + id(digits) + Array(" \($0 % 7) ends".utf8) }
        let encoded = ColumnWriter(codec: .best).encode(
            TextColumnTests.column(lines), rowCount: 700, times: [Int64](repeating: 0, count: 700), exactFilter: true)
        func text(_ body: [UInt8]) throws(CodecError) -> TextColumn {
            try TextColumn(
                body, entry: TextColumnTests.entry(encoded), rowCount: 700,
                times: { () throws(CodecError) in [Int64](repeating: 0, count: 700) })
        }
        let column = try text(encoded.body)
        let planes = column.reader.directory.nodes.flatMap(\.columns).map(\.planes.count).max()
        #expect(planes == (digits > 128 ? 0 : (digits + 1) / 2))
        #expect(TextColumnTests.lines(try column.decoded()) == lines)
        for length in Array(1...24) + [digits - 1, digits, digits + 3, digits + 9] {
            for attempt in 0..<6 {
                let line = lines[Int(random.next() % 700)]
                let start = attempt == 0 ? 6 : Int(random.next() % UInt64(line.count))
                var needle = Array(line[start..<min(line.count, start + length)])
                if attempt == 5 { needle[needle.count - 1] = alphabet[Int(random.next() % 16)] }
                let expected = lines.indices.filter { ModelRow.holds(lines[$0], needle) }
                let found = try column.rows(containing: needle).rows.map { Int($0) }
                #expect(found == expected, "\(String(decoding: needle, as: UTF8.self))")
            }
        }
        var wanted = RowMask(count: 700, all: false)
        for row in 0..<700 where row % 37 == 5 { wanted[row] = true }
        let some = TextColumnTests.lines(try column.decoded(wanted))
        #expect(wanted.rows.allSatisfy { some[Int($0)] == lines[Int($0)] })
        for _ in 0..<60 {
            var damaged = encoded.body
            damaged[Int(random.next() % UInt64(damaged.count))] ^= 1 << UInt8(random.next() % 8)
            #expect(throws: CodecError.self) { _ = try text(damaged).decoded() }
        }
    }

    @Test func aNeedleIsFoundWhereverItLies() throws {
        var hits = 0
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 25)) {
            var generator = LineGenerator(seed: 1000 + seed)
            let count = 400
            guard let (only, lines, encoded, text) = try TextColumnTests.sample(&generator, count) else { continue }
            let column = TextColumnTests.column(lines)
            // Those of the block, which are made of pieces of the lines, and those of the lines themselves.
            let filters =
                encoded.gramFilters + GramFilter.build(bytes: column.bytes, ends: column.ends, budget: 4000)
            for _ in 0..<60 {
                var needle = lines[generator.number(count)]
                if needle.count > 1 {
                    let start = generator.number(needle.count)
                    needle = Array(needle[start..<min(needle.count, start + 1 + generator.number(30))])
                }
                if generator.number(5) == 0, !needle.isEmpty { needle[generator.number(needle.count)] = 0x37 }
                let expected = lines.indices.filter { ModelRow.holds(lines[$0], needle) }
                let found = try text.rows(containing: needle).rows.map { Int($0) }
                #expect(
                    found == expected, "seed \(seed) shape \(only) needle \(String(decoding: needle, as: UTF8.self))")
                hits += expected.count
                guard !expected.isEmpty else { continue }
                for filter in filters {
                    let places = GramFilter.places(of: needle, kind: filter.kind, bytes: filter.bits.count)
                    let isMissing = places.contains { filter.bits[Int($0 >> 3)] >> UInt8($0 & 7) & 1 == 0 }
                    #expect(
                        !isMissing, "seed \(seed): \(filter.kind) misses \(String(decoding: needle, as: UTF8.self))")
                }
            }
        }
        #expect(hits > 1000)
    }

    /// Expressions made of what is in a line, so that they match some and nearly match more.
    private static func expression(_ line: [UInt8], _ generator: inout LineGenerator) -> String {
        let text = String(decoding: line, as: UTF8.self)
        let start = generator.number(max(1, text.count))
        let piece = String(text.dropFirst(start).prefix(2 + generator.number(12)))
        let middle = piece.index(piece.startIndex, offsetBy: piece.count / 2)
        let (left, right) = (Pattern.quoted(String(piece[..<middle])), Pattern.quoted(String(piece[middle...])))
        switch generator.number(9) {
        case 0: return left + right
        case 1: return "(?i)" + left + right
        case 2: return left + ".*" + right
        case 3: return left + "[0-9a-z]+" + right
        case 4: return "[x-z][a-c]{2}|" + left + right
        case 5: return "[0-9]{3}" + left + "?" + right
        case 6: return left + "[^0-9]" + right
        case 7: return "^" + left + "|" + right + "$"
        default: return "(" + left + "|q" + right + ")\\b"
        }
    }

    @Test func expressionsAreFoundAndRowsAreReadWithoutTheOtherLines() throws {
        var (told, left) = (0, 0)
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 20)) {
            var generator = LineGenerator(seed: 4000 + seed)
            let count = 300
            guard let (only, lines, _, text) = try TextColumnTests.sample(&generator, count) else { continue }
            #expect(try text.reader.lineLengths() == lines.map(\.count), "seed \(seed) shape \(only)")
            for _ in 0..<25 {
                let expression = TextColumnTests.expression(lines[generator.number(count)], &generator)
                guard let pattern = try? Pattern(expression) else { continue }
                var wanted = RowMask(count: count, all: true)
                if generator.number(2) == 0 { for row in 0..<count where row % 3 != 0 { wanted[row] = false } }
                let expected = wanted.rows.filter { pattern.isFound(in: lines[Int($0)]) }
                guard let found = try text.rows(matching: pattern, among: wanted) else { continue }
                var rest = found.unknown
                rest.formIntersection(wanted)
                told += wanted.population - rest.population
                left += rest.population
                var all = found.matches
                for row in rest.rows where pattern.isFound(in: lines[Int(row)]) { all[Int(row)] = true }
                #expect(all.rows == expected, "seed \(seed) shape \(only) expression \(expression)")
            }
            for share in [1, 2, 5, 50] {
                var wanted = RowMask(count: count, all: false)
                for row in 0..<count where generator.number(share) == 0 { wanted[row] = true }
                let column = try text.decoded(wanted)
                for row in wanted.rows {
                    let value = column.index(ofRow: Int(row)).map { column.value(at: $0) }
                    let expected = AttributeValue.string(String(decoding: lines[Int(row)], as: UTF8.self))
                    #expect(value == expected, "seed \(seed) row \(row)")
                }
            }
        }
        #expect(told > left && told > 1000, "\(told) rows told, \(left) not")
    }

    @Test func fieldsAreReadFromColumnsAsTheyStandInTheLines() throws {
        let lines = [
            #"{"a":1,"b":{"c":"x\"y","d":[1,2]},"e":null}"#, #"{"a":"1","e":true}"#, #"{"b":{"c":""},"a":-2.5}"#,
            #"{"a":1,"a":2}"#, #"{"\u0061":3}"#, "not json", #"{ "a" : 7 }"#, #"{"b":5}"#,
        ]
        let rows = (0..<80).map { lines[$0 % lines.count] }
        let column = TextColumnTests.column(rows.map { Array($0.utf8) })
        var encoder = TextEncoder(codec: .best, times: [])
        let coded = encoder.encode(bytes: column.bytes, ends: column.ends, rows: nil)
        let reader = try TextReader(
            head: coded.head[...], lineCount: 80, rows: nil, bodySize: coded.chunks.count,
            fetch: { (range: Range<Int>) throws(CodecError) in coded.chunks[range] },
            times: { () throws(CodecError) in [] })
        let wanted: [([String], [String])] = [
            (["a"], ["1", "\"1\"", "-2.5", "?", "?", "?", "7", "-"]),
            (["b", "c"], ["\"x\\\"y\"", "-", "\"\"", "-", "?", "?", "-", "?"]),
            (["b", "d"], ["[1,2]", "-", "-", "-", "?", "?", "-", "?"]),
            (["e"], ["null", "true", "-", "-", "?", "?", "-", "-"]),
            (["zzz"], ["-", "-", "-", "-", "?", "?", "-", "-"]),
        ]
        for (path, expected) in wanted {
            let field = try reader.field(path.map { Array($0.utf8) })
            let found = field.lines.map { line -> String in
                switch line {
                case .absent: "-"
                case .unknown: "?"
                case .value(let index):
                    field.isQuoted[index]
                        ? "\"" + String(decoding: field.text(index), as: UTF8.self) + "\""
                        : String(decoding: field.text(index), as: UTF8.self)
                }
            }
            #expect(found == (0..<80).map { expected[$0 % lines.count] }, "\(path)")
        }
    }

    /// Files that were written once must be read for ever.
    @Test func aGoldenFileIsReadAndWrittenByteForByte() throws {
        var generator = LineGenerator(seed: 4711)
        let lines = (0..<240).map { generator.line($0 % 13) }
        let times = (0..<240).map { 1_795_291_200_000_000_000 + Int64($0) * 1_000_003 }
        let column = TextColumnTests.column(lines)
        let encoded = ColumnWriter(codec: .raw).encode(column, rowCount: 240, times: times, exactFilter: false)
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("Fixtures/formats/text-column-2.bin")
        if ProcessInfo.processInfo.environment["NEEDLETAIL_WRITE_FIXTURES"] != nil {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(encoded.body).write(to: file)
        }
        let golden = [UInt8](try Data(contentsOf: file))
        #expect(golden == encoded.body, "the format changed: that needs another version")
        let decoded = try ColumnReader.decode(
            golden, entry: TextColumnTests.entry(encoded), rowCount: 240, times: { () throws(CodecError) in times })
        #expect(TextColumnTests.lines(decoded) == lines)
    }

    @Test func linesOfOneShapeAreStoredInFewBytes() throws {
        var generator = LineGenerator(seed: 5)
        // Bytes that a line may take: what is random in it, and a little.
        for (shape, most) in [(0, 38.0), (1, 26.0), (2, 24.0), (3, 24.0), (4, 17.0), (10, 14.0)] {
            let lines = (0..<4000).map { _ in generator.line(shape) }
            let encoded = ColumnWriter(codec: .best).encode(
                TextColumnTests.column(lines), rowCount: 4000, times: [Int64](repeating: 0, count: 4000),
                exactFilter: false)
            let perLine = Double(encoded.body.count) / 4000
            #expect(perLine < most, "shape \(shape): \(perLine) bytes of \(lines.reduce(0) { $0 + $1.count } / 4000)")
        }
    }

    /// The times of lines that are those of their rows cost nothing.
    @Test func aLineThatRepeatsItsRowsTimeStoresItOnce() throws {
        var times: [Int64] = []
        var lines: [[UInt8]] = []
        var generator = LineGenerator(seed: 6)
        for i in 0..<2000 {
            times.append(1_795_291_200_000_000_000 + Int64(i) * 97_000_000 + Int64(generator.number(90_000_000)))
            var stamp: [UInt8] = []
            LineTime(style: .iso, separator: 0x54, point: 0x2e, digits: 9).write(times[i], to: &stamp)
            lines.append(stamp + Array("Z started".utf8))
        }
        let encoded = ColumnWriter(codec: .best).encode(
            TextColumnTests.column(lines), rowCount: 2000, times: times, exactFilter: false)
        #expect(encoded.body.count < 120, "\(encoded.body.count) bytes")
    }

    @Test func damageIsAnErrorAndNeverATrap() throws {
        var random = SeededGenerator(seed: 77)
        var generator = LineGenerator(seed: 78)
        for _ in 0..<12 {
            let lines = (0..<400).map { _ in generator.line(generator.number(13)) }
            let times = [Int64](repeating: 0, count: 400)
            let column = TextColumnTests.column(lines)
            var encoder = TextEncoder(codec: .raw, times: times)
            let coded = encoder.encode(bytes: column.bytes, ends: column.ends, rows: nil)
            for _ in 0..<400 {
                // Checksums would stop nearly all of it: the head is damaged before it is packed.
                var head = coded.head
                var chunks = coded.chunks
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    head[Int.random(in: 0..<head.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if !chunks.isEmpty, Bool.random(using: &random) { chunks.removeLast(chunks.count / 2) }
                let size = chunks.count
                let damaged = chunks
                guard
                    let reader = try? TextReader(
                        head: head[...], lineCount: 400, rows: nil, bodySize: size,
                        fetch: { (range: Range<Int>) throws(CodecError) in
                            guard range.upperBound <= damaged.count else { throw CodecError(0, "cut off") }
                            return damaged[range]
                        }, times: { () throws(CodecError) in times })
                else { continue }
                _ = try? reader.lines()
            }
        }
    }
}
