/// By number of the dictionary: −1 unknown, −2 no match, else the place of a series in a selection.
///
/// A query for a few series of a store of many keeps them in a small table; an array over all series would be filled
/// for longer than such a query takes.
struct PlaceTable {
    private static let largest = 1024

    private var few: [UInt32: Int32] = [:]
    private var all: [Int32] = []
    private var isDense = false

    /// To be called before `more` numbers below `count` are set; what it takes in memory, in bytes.
    mutating func makeRoom(_ count: Int, for more: Int) -> Int {
        if !isDense, few.count + more > PlaceTable.largest {
            isDense = true
            all = [Int32](repeating: -1, count: count)
            for (number, place) in few where Int(number) < count { all[Int(number)] = place }
            few = [:]
            return count * 4
        }
        let missing = isDense ? count - all.count : 0
        guard missing > 0 else { return 0 }
        all.append(contentsOf: repeatElement(-1, count: missing))
        return missing * 4
    }

    subscript(_ number: UInt32) -> Int32 {
        get { isDense ? all[Int(number)] : few[number] ?? -1 }
        set {
            if isDense { all[Int(number)] = newValue } else { few[number] = newValue }
        }
    }
}
