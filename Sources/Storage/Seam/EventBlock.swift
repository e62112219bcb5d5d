package import Telemetry

/// A block of rows as its columns have it, for a reader that wants to count and compare without a copy of each row.
///
/// Columns are read when they are asked for. A block is used by one thread, while it is handed over.
package protocol EventBlock: AnyObject {
    var rowCount: Int { get }
    /// The rows that the plan asks for: in its range, of groups that match, passing its predicate, not deleted.
    var passing: RowMask { get }
    /// Whether all rows are.
    var isWhole: Bool { get }
    /// Of all rows of the block.
    var firstTime: Int64 { get }
    var lastTime: Int64 { get }
    func times() throws -> [Int64]
    func sequences() throws -> [UInt64]

    /// Blocks of one source number their groups alike.
    var source: ObjectIdentifier { get }
    /// Where all rows have one group.
    var onlyGroup: UInt32? { get }
    /// Of each row.
    func groupNumbers() throws -> [UInt32]
    func group(_ number: UInt32) throws -> EventGroup

    /// Columns of rows; shared fields and labels are the groups'.
    func columnNames() throws -> [String]
    func column(_ name: String) throws -> EventBlockColumn?

    /// The lines as templates; nil where they are not kept so.
    func layout() throws -> EventTextLayout?
    /// By template the hole whose value is wanted, or -1. Only where there is a ``layout()``.
    func values(ofHoles holes: [Int]) throws -> EventBlockColumn
    /// Bytes of all lines together; nil where that would have to be counted.
    func totalLineBytes() throws -> Int?
    /// Bytes of each row's line, 0 where it has none.
    func lineLengths() throws -> [Int]

    /// Rows as a scan hands them over.
    func batch(of rows: RowMask, projection: EventScanPlan.Projection) throws -> EventBatch
}

/// A column of a block: distinct values where the store knows them, else one for each row, and which row has which.
package struct EventBlockColumn: Sendable {
    package static let absent: Int32 = -1

    /// By row the number of its value, ``absent`` where it has none.
    package var codes: [Int32]
    /// Of all values; nil where they differ.
    package var kind: ValueKind?
    /// By value, where they differ.
    package var kinds: [ValueKind]
    /// Value i is `bytes[ends[i - 1]..<ends[i]]`.
    package var ends: [UInt32]
    package var bytes: [UInt8]

    package init(codes: [Int32], kind: ValueKind?, kinds: [ValueKind] = [], ends: [UInt32], bytes: [UInt8]) {
        self.codes = codes
        self.kind = kind
        self.kinds = kinds
        self.ends = ends
        self.bytes = bytes
    }

    package var count: Int { ends.count }

    package func range(_ value: Int) -> Range<Int> {
        (value == 0 ? 0 : Int(ends[value &- 1]))..<Int(ends[value])
    }

    package func kind(of value: Int) -> ValueKind { kind ?? kinds[value] }
}

/// The templates of a block's lines.
package struct EventTextLayout: Sendable {
    package enum Mode: UInt8, Sendable { case plain, json, logfmt }

    /// What is known of all values of a hole without reading them.
    package struct Hole: Sendable {
        /// No byte of them is other than letters, digits, `_` and what is not ASCII.
        package var isWord: Bool
        /// Bytes of the shortest.
        package var shortest: Int
        /// Each value is one of these with other digits for the digits and other words for the letters (at least one
        /// for one); nil where that is not known.
        package var forms: [[UInt8]]?

        package init(isWord: Bool, shortest: Int, forms: [[UInt8]]?) {
            self.isWord = isWord
            self.shortest = shortest
            self.forms = forms
        }
    }

    package struct Template: Sendable {
        package var mode: Mode
        /// Static text: one piece more than there are holes.
        package var pieces: [[UInt8]]
        package var holes: [Hole]

        package init(mode: Mode, pieces: [[UInt8]], holes: [Hole]) {
            self.mode = mode
            self.pieces = pieces
            self.holes = holes
        }
    }

    package var templates: [Template]
    /// By row; -1 where it has no line.
    package var templateOfRow: [Int32]

    package init(templates: [Template], templateOfRow: [Int32]) {
        self.templates = templates
        self.templateOfRow = templateOfRow
    }
}

/// What came of a fold over blocks.
package struct EventFold<Partial: Sendable>: Sendable {
    /// One for each core that took part.
    package var partials: [Partial]
    package var trailer: ScanTrailer

    package init(partials: [Partial], trailer: ScanTrailer) {
        self.partials = partials
        self.trailer = trailer
    }
}

extension EventReader {
    package func fold<Partial: Sendable>(
        _ plan: EventScanPlan, context: QueryContext, from make: @Sendable () throws -> Partial,
        _ body: @Sendable (inout Partial, any EventBlock) throws -> Void
    ) async throws -> EventFold<Partial>? { nil }
}
