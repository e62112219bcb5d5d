/// What a reader should know of an answer that is still an answer. Each sentence is kept once, in order of appearance.
///
/// Sentences have no position: the language that called adds it.
package struct Annotations: Sendable, Equatable {
    package private(set) var warnings: [String] = []
    package private(set) var infos: [String] = []

    package init() {}

    package var isEmpty: Bool { warnings.isEmpty && infos.isEmpty }

    package mutating func warn(_ sentence: String) {
        if !warnings.contains(sentence) { warnings.append(sentence) }
    }

    package mutating func inform(_ sentence: String) {
        if !infos.contains(sentence) { infos.append(sentence) }
    }

    /// Adds the other's sentences, each with `suffix` behind it.
    package mutating func merge(_ other: Annotations, suffix: String = "") {
        for sentence in other.warnings { warn(sentence + suffix) }
        for sentence in other.infos { inform(sentence + suffix) }
    }
}
