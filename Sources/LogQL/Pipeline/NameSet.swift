/// Some names of a ``ByteTable``, made when a query starts: most of its numbers come later and are not in it.
struct NameSet: Sendable {
    private var isMember: [Bool] = []

    init(_ members: Set<String>, _ names: inout ByteTable) {
        for id in members.map({ names.id($0) }) {
            if id >= isMember.count { isMember += [Bool](repeating: false, count: id + 1 - isMember.count) }
            isMember[id] = true
        }
    }

    @inline(__always)
    func contains(_ id: Int) -> Bool { id < isMember.count && isMember[id] }
}
