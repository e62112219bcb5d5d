import TestSupport
import Testing

@testable import Telemetry

@Suite struct LabelSetTests {
    /// Names and values with every awkward kind of text, short enough that they collide.
    private func labels(_ generator: inout SeededGenerator) -> [Label] {
        let words = [
            "", "a", "b", "__name__", "job", "é", "日本", "a\u{0}b", String(repeating: "x", count: 130), "\n\"\\",
        ]
        return (0..<Int.random(in: 0...6, using: &generator)).map { _ in
            Label(words.randomElement(using: &generator) ?? "", words.randomElement(using: &generator) ?? "")
        }
    }

    @Test func `a label set is a sorted map without empty values, whatever order it was made in`() {
        for seed in 0..<2000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let given = labels(&generator)
            var model: [String: String] = [:]
            for label in given { model[label.name] = label.value }
            model = model.filter { !$0.value.isEmpty }
            let set = LabelSet(given)
            #expect(set.dictionary == model && set.count == model.count, "seed \(seed)")
            #expect(LabelSet(checking: set.bytes) == set, "seed \(seed)")
            #expect(
                set.labels.map(\.name) == model.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) },
                "seed \(seed)")
            for name in ["a", "job", "missing", "é"] { #expect(set[name] == model[name], "seed \(seed)") }
            let name = given.first?.name ?? "job"
            #expect(set.setting(name, to: "v").dictionary == model.merging([name: "v"]) { $1 }, "seed \(seed)")
            #expect(LabelSet(set.setting(name, to: "v").labels) == set.setting(name, to: "v"), "seed \(seed)")
            #expect(set.setting(name, to: nil).dictionary == model.filter { $0.key != name }, "seed \(seed)")
            #expect(
                set.keeping(["a", "job"]).dictionary == model.filter { $0.key == "a" || $0.key == "job" },
                "seed \(seed)")
            let other = LabelSet(labels(&generator))
            #expect(set.merging(other).dictionary == model.merging(other.dictionary) { $1 }, "seed \(seed)")
            #expect((set < other) == set.labels.lexicographicallyPrecedes(other.labels), "seed \(seed)")
            #expect((set == other) == (set.dictionary == other.dictionary), "seed \(seed)")
        }
    }

    @Test func `bytes that are no label set are refused and never trap`() {
        let good = LabelSet(["a": "1", "b": "2"]).bytes
        #expect(LabelSet(checking: []) == .empty)
        for cut in 1..<good.count where cut != 4 {
            #expect(LabelSet(checking: Array(good.prefix(cut))) == nil, "\(cut)")
        }
        let cases: [[UInt8]] = [
            [1, 98, 1, 49, 1, 97, 1, 49], [1, 97, 1, 49, 1, 97, 1, 49], [1, 97, 0], [1, 0xff, 1, 49], [1, 97, 1, 0xff],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x07, 97],
        ]
        for bytes in cases { #expect(LabelSet(checking: bytes) == nil, "\(bytes)") }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let noise = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            if let set = LabelSet(checking: noise) { #expect(LabelSet(set.labels).bytes == noise, "\(noise)") }
        }
    }

    @Test func `labels print as Prometheus prints them`() {
        let cases: [([String: String], String)] = [
            ([:], "{}"), (["__name__": "up"], "up"), (["__name__": "up", "job": "a\"\n"], "up{job=\"a\\\"\\n\"}"),
            (["b": "1", "a": "2"], "{a=\"2\", b=\"1\"}"),
            (["__name__": "a:b", "a.b": "1"], "a:b{\"a.b\"=\"1\"}"), (["__name__": "1a"], "{\"1a\"}"),
            (["__name__": "my metric", "a:b": "1", "ü": "2"], "{\"my metric\", \"a:b\"=\"1\", \"ü\"=\"2\"}"),
        ]
        for (labels, text) in cases { #expect(LabelSet(labels).description == text) }
    }
}
