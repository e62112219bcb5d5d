/// What keeps the agent from starting or from going on, as one sentence.
package struct AgentError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
