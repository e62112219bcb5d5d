/// A value of an attribute of a resource, span, span event, link or log record.
public enum AttributeValue: Hashable, Sendable {
    case string(String)
    case integer(Int)
    case double(Double)
    case boolean(Bool)
    case array([AttributeValue])
}

extension AttributeValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

/// Attributes in the order in which they were first set; a key occurs once.
public struct Attributes: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    public private(set) var pairs: [(key: String, value: AttributeValue)] = []

    public init() {}

    public init(dictionaryLiteral elements: (String, AttributeValue)...) {
        pairs.reserveCapacity(elements.count)
        for (key, value) in elements { self[key] = value }
    }

    public var isEmpty: Bool { pairs.isEmpty }

    // A span has about ten attributes: a linear search over them is faster than hashing their names.
    public subscript(key: String) -> AttributeValue? {
        get { pairs.first { $0.key == key }?.value }
        set {
            let position = pairs.firstIndex { $0.key == key }
            switch (position, newValue) {
            case (let position?, let value?): pairs[position].value = value
            case (let position?, nil): pairs.remove(at: position)
            case (nil, let value?): pairs.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// Values of `other` win.
    public mutating func merge(_ other: Attributes) {
        for (key, value) in other.pairs { self[key] = value }
    }

    public static func == (left: Attributes, right: Attributes) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0.key == $1.key && $0.value == $1.value }
    }

    public func hash(into hasher: inout Hasher) {
        for (key, value) in pairs {
            hasher.combine(key)
            hasher.combine(value)
        }
    }
}
