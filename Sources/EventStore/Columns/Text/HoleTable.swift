/// The columns of the holes of a node's templates in one flat array: walking over lines touches no array of its own
/// for each of them.
struct HoleTable {
    /// By template, and one more: where its holes begin.
    private(set) var first: [Int] = [0]
    private(set) var columns: [Int] = []

    /// Only the holes of columns that `isKept` names; nil: all.
    init(_ node: TextNode, isKept: [Bool]? = nil) {
        for template in node.templates {
            for column in template.columns where isKept?[column] ?? true { columns.append(column) }
            first.append(columns.count)
        }
    }

    /// Passes over a line of a template.
    @inline(__always)
    func skip(_ template: Int, _ next: inout [Int]) {
        for hole in first[template]..<first[template &+ 1] { next[columns[hole]] &+= 1 }
    }
}
