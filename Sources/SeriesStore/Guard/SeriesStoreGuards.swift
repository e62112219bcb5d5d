package import Storage

/// What an append asks before it takes anything in.
package struct SeriesStoreGuards: Sendable {
    /// Asked about every new series; of one store alone, since it counts. Nil admits all.
    package var cardinality: CardinalityGuard?
    package var pressure = MemoryPressure()
    /// Where the store says what its head holds, and asks before a merge. Nil: nobody wants to know.
    package var budget: MemoryBudget?
    /// Nil: the disk is full when a write fails.
    package var disk: DiskSpace?

    package init() {}

    /// The first line of an append: ``StorageError/overloaded(_:)`` or ``StorageError/diskFull(path:)``.
    package func refuseWhenShort() throws(StorageError) {
        try pressure.refuseWhenCritical()
        try disk?.refuseWhenFull()
    }
}
