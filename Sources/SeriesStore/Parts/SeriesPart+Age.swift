internal import Storage

/// Which of two parts was stored first: of two samples with one timestamp that of the older part is seen, also after
/// parts were merged.
extension SeriesPart {
    /// Id of the oldest part whose samples are in this one; its own where it was never merged.
    var origin: Int64 {
        let text = record.extra
        guard text.hasPrefix("origin="), let origin = Int64(text.dropFirst("origin=".count)) else { return record.id }
        return origin
    }

    var age: (Int64, Int64) { (origin, record.id) }

    static func note(origin: Int64) -> String { "origin=\(origin)" }
}
