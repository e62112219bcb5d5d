/// A function that templates may call.
package struct TemplateFunction: Sendable {
    package typealias Pure = @Sendable (_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue

    enum Body: Sendable {
        /// Evaluates its arguments only as far as needed.
        case and, or
        /// Knows the record, which is no value of its own.
        case index
        /// Executes a defined template to a string.
        case template
        case context
        case pure(Pure)
    }

    package let name: String
    package let arity: ClosedRange<Int>
    let body: Body

    init(_ name: String, _ arity: ClosedRange<Int>, body: Body) {
        self.name = name
        self.arity = arity
        self.body = body
    }

    /// A function of its arguments alone.
    package init(_ name: String, _ arity: ClosedRange<Int>, _ pure: @escaping Pure) {
        self.init(name, arity, body: .pure(pure))
    }

    /// A function that the ``TemplateContext`` of each execution answers.
    package static func context(_ name: String, _ arity: ClosedRange<Int>) -> TemplateFunction {
        TemplateFunction(name, arity, body: .context)
    }

    /// `tmpl "name" data`: a defined template as a string.
    package static var template: TemplateFunction { TemplateFunction("tmpl", 2...2, body: .template) }

    func check(_ count: Int) throws(TemplateError) {
        guard !arity.contains(count) else { return }
        let wanted = arity.lowerBound == arity.upperBound ? "\(arity.lowerBound)" : "at least \(arity.lowerBound)"
        throw TemplateError("wrong number of args for \(name): want \(wanted) got \(count)")
    }
}

/// The functions that a template knows: Go's own and those of the caller, which win.
package struct TemplateFunctions: Sendable {
    private var byName: [String: TemplateFunction] = [:]

    package init(_ own: [TemplateFunction]) {
        for function in TemplateBuiltin.all + own { byName[function.name] = function }
    }

    subscript(name: String) -> TemplateFunction? { byName[name] }
}

/// What a template is executed over, besides values.
package protocol TemplateContext {
    /// Appends a member of ``TemplateValue/record``; nothing where there is none.
    func appendMember(_ name: String, to out: inout [UInt8])
    /// Answers a function made by ``TemplateFunction/context(_:_:)``.
    func call(_ function: String, _ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue
}

extension TemplateContext {
    func member(_ name: String) -> String {
        var bytes: [UInt8] = []
        appendMember(name, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
