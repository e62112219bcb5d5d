import Patterns

typealias RegularExpression = Pattern
