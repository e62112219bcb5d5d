extension Array {
    /// Takes the elements out, so that a loop can hold a span over them while other fields of their owner are in use;
    /// to be put back after it.
    @inlinable @inline(__always)
    package mutating func takeOut() -> [Element] {
        var taken: [Element] = []
        swap(&taken, &self)
        return taken
    }
}
