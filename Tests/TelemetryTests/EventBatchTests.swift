import TestSupport
import Testing

@testable import Telemetry

@Suite struct EventBatchTests {
    private func value(_ generator: inout SeededGenerator, depth: Int = 0) -> AttributeValue {
        switch Int.random(in: 0...(depth < 3 ? 7 : 5), using: &generator) {
        case 0: .string(["", "x", "é\u{0}"].randomElement(using: &generator) ?? "")
        case 1: .bool(Bool.random(using: &generator))
        case 2: .int(Int64.random(in: .min ... .max, using: &generator))
        case 3: .double([0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude].randomElement(using: &generator) ?? 0)
        case 4:
            .bytes(
                (0..<Int.random(in: 0...5, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            )
        case 5: .empty
        case 6: .array((0..<Int.random(in: 0...3, using: &generator)).map { _ in value(&generator, depth: depth + 1) })
        default:
            .map(
                (0..<Int.random(in: 0...3, using: &generator)).map {
                    Attribute("k\($0)", value(&generator, depth: depth + 1))
                })
        }
    }

    @Test func `values of every kind come back from their bytes`() {
        for seed in 0..<3000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let value = value(&generator)
            var bytes: [UInt8] = []
            value.encode(to: &bytes)
            #expect(AttributeValue(kind: value.kind, bytes: bytes[...]) == value, "seed \(seed)")
            // Broken nesting gives what could be read.
            for _ in 0..<4 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                for kind in [ValueKind.array, .map, .int, .string] { _ = AttributeValue(kind: kind, bytes: bytes[...]) }
            }
        }
    }

    @Test func `a column knows which rows have a value`() {
        var batch = EventBatch()
        let group = batch.addGroup(EventGroup(labels: .empty))
        for row in 0..<100 {
            _ = batch.addRow(timestamp: Int64(row), group: group)
            if row % 3 == 0 { batch.set("third", row: row, .int(Int64(row))) }
            batch.set("all", row: row, .string("r\(row)"))
            // The first value of a row stays: attributes with one name twice keep their first.
            batch.set("all", row: row, .string("again"))
        }
        for row in 0..<100 {
            #expect(batch.value("third", row: row) == (row % 3 == 0 ? .int(Int64(row)) : nil))
            #expect(batch.value("all", row: row) == .string("r\(row)"))
            #expect(batch.value("none", row: row) == nil)
        }
        #expect(batch.column("third")?.count == 34 && batch.column("third")?.payload(ofRow: 1) == nil)
    }
}
