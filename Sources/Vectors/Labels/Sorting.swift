internal import Telemetry

/// Orders the series of an instant result by value; NaN comes last in both directions, equal values stay in order.
package func sortByValue(_ input: StepMatrix, descending: Bool) -> StepMatrix {
    guard input.grid.count == 1 else { return input }
    var output = input
    let order = input.series.indices.sorted { a, b in
        let left = input.series[a].values[0]
        let right = input.series[b].values[0]
        if left.isNaN || right.isNaN { return left.isNaN == right.isNaN ? a < b : right.isNaN }
        if left == right { return a < b }
        return descending ? left > right : left < right
    }
    output.series = order.map { input.series[$0] }
    return output
}

/// Orders the series of an instant result by the named labels, numbers inside the text as numbers (`a2` before `a10`);
/// all labels decide between equals.
package func sortByLabels(_ input: StepMatrix, names: [String], descending: Bool) -> StepMatrix {
    guard input.grid.count == 1 else { return input }
    var output = input
    output.series.sort { a, b in
        for name in names {
            let left = Array((a.labels[name] ?? "").utf8)
            let right = Array((b.labels[name] ?? "").utf8)
            if left == right { continue }
            return naturallyPrecedes(left, right) != descending
        }
        return descending ? b.labels < a.labels : a.labels < b.labels
    }
    return output
}

/// Natural order of texts: runs of digits compare as numbers.
package func naturallyPrecedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    func run(_ bytes: [UInt8], _ start: Int) -> Int {
        var end = start
        while end < bytes.count, isDigit(bytes[end]) == isDigit(bytes[start]) { end += 1 }
        return end
    }
    var i = 0
    var j = 0
    while i < a.count, j < b.count {
        let (endA, endB) = (run(a, i), run(b, j))
        let (chunkA, chunkB) = (a[i..<endA], b[j..<endB])
        if !chunkA.elementsEqual(chunkB) {
            if isDigit(a[i]), isDigit(b[j]) {
                let (numberA, numberB) = (chunkA.drop { $0 == 0x30 }, chunkB.drop { $0 == 0x30 })
                if numberA.count != numberB.count { return numberA.count < numberB.count }
                if !numberA.elementsEqual(numberB) { return numberA.lexicographicallyPrecedes(numberB) }
                return chunkA.count < chunkB.count
            }
            return a[i...].lexicographicallyPrecedes(b[j...])
        }
        i = endA
        j = endB
    }
    return i >= a.count && j < b.count
}
