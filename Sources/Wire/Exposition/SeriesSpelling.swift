import Telemetry

/// A series as the text formats write it, for samples that came in another form: they are then matched with the last
/// scrape, and read when new, like any line.
struct SeriesSpelling {
    private var name: [UInt8] = []
    /// `a="b",c="d"`
    private var labels: [UInt8] = []

    init(name: ArraySlice<UInt8>) { self.name = Array(name) }

    init(_ set: LabelSet) {
        set.forEachRange { name, value in
            if set.bytes[name].elementsEqual("__name__".utf8) {
                self.name = Array(set.bytes[value])
            } else {
                addLabel(set.bytes[name], set.bytes[value])
            }
        }
    }

    mutating func removeLabels() { labels.removeAll(keepingCapacity: true) }

    mutating func addLabel(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        if !labels.isEmpty { labels.append(UInt8(ascii: ",")) }
        if SeriesSpelling.isPlain(name, colon: false) {
            labels.append(contentsOf: name)
        } else {
            SeriesSpelling.quote(name, to: &labels)
        }
        labels.append(UInt8(ascii: "="))
        SeriesSpelling.quote(value, to: &labels)
    }

    /// `label`: `le` or `quantile` with its number.
    func append(suffix: String, label: (name: String, bound: Double)?, to out: inout [UInt8]) {
        let isPlain = SeriesSpelling.isPlain(name[...], colon: true)
        if isPlain {
            out.append(contentsOf: name)
            out.append(contentsOf: suffix.utf8)
        } else {
            out.append(UInt8(ascii: "{"))
            SeriesSpelling.quote((name + suffix.utf8)[...], to: &out)
        }
        guard !labels.isEmpty || label != nil else {
            if !isPlain { out.append(UInt8(ascii: "}")) }
            return
        }
        out.append(isPlain ? UInt8(ascii: "{") : UInt8(ascii: ","))
        out.append(contentsOf: labels)
        if let label {
            if !labels.isEmpty { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: label.name.utf8)
            out.append(contentsOf: "=\"".utf8)
            FloatText.append(label.bound, .label, to: &out)
            out.append(UInt8(ascii: "\""))
        }
        out.append(UInt8(ascii: "}"))
    }

    private static func isPlain(_ name: ArraySlice<UInt8>, colon: Bool) -> Bool {
        guard let first = name.first, first &- 0x30 >= 10 else { return false }
        return name.allSatisfy { LabelNames.isNameByte($0) || (colon && $0 == UInt8(ascii: ":")) }
    }

    private static func quote(_ text: ArraySlice<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"): out.append(contentsOf: [byte, byte])
            case UInt8(ascii: "\""): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0a: out.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
