package enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case greater = ">"
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    /// Native histograms: keep observations below (`</`) or above (`>/`) the number.
    case trimUpper = "</"
    case trimLower = ">/"
    case and, or, unless

    package var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .less, .greater, .lessOrEqual, .greaterOrEqual: true
        default: false
        }
    }

    package var isSetOperator: Bool { self == .and || self == .or || self == .unless }
    package var isTrim: Bool { self == .trimUpper || self == .trimLower }
    /// The result is another quantity than the operands: the metric name goes.
    package var isArithmetic: Bool { !isComparison && !isSetOperator && !isTrim }
}

package struct VectorMatching: Hashable, Sendable {
    package enum Cardinality: Hashable, Sendable { case oneToOne, manyToOne, oneToMany, manyToMany }

    /// `on` if true, else `ignoring`; `ignoring ()` is the default.
    package var on: Bool
    package var labels: [String]
    package var cardinality: Cardinality
    /// `group_left(…)`: labels taken from the "one" side.
    package var include: [String]
    /// What stands for a missing element of a side.
    package var fillLeft: Double?
    package var fillRight: Double?

    package init(
        on: Bool = false, labels: [String] = [], cardinality: Cardinality = .oneToOne, include: [String] = [],
        fillLeft: Double? = nil, fillRight: Double? = nil
    ) {
        self.on = on
        self.labels = labels
        self.cardinality = cardinality
        self.include = include
        self.fillLeft = fillLeft
        self.fillRight = fillRight
    }
}
