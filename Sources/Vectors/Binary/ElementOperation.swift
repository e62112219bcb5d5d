internal import Telemetry

/// One element of a vector at one point.
enum VectorElement {
    case float(Double)
    case histogram(NativeHistogram)
}

/// Applies operators to single elements, where floats and native histograms may meet.
struct ElementOperation {
    let operation: BinaryOperator
    let returnBool: Bool

    /// Floats only. Nil where a filter comparison drops the element; a filter gives the left value.
    @inline(__always)
    func apply(_ left: Double, _ right: Double) -> Double? {
        let result = applyScalar(operation, left, right)
        guard operation.isComparison, !returnBool else { return result }
        return result == 1 ? left : nil
    }

    func apply(
        _ left: VectorElement, _ right: VectorElement, _ annotations: inout Annotations
    ) -> VectorElement? {
        switch (left, right) {
        case (.float(let a), .float(let b)):
            guard !operation.isTrim else { return incompatible("float", "float", &annotations) }
            return apply(a, b).map { .float($0) }
        case (.histogram(let a), .histogram(let b)): return apply(a, b, &annotations)
        case (.histogram(let a), .float(let b)):
            switch operation {
            case .multiply: return .histogram(a.scaled(by: b))
            case .divide: return .histogram(a.divided(by: b))
            case .trimUpper: return .histogram(a.trimmed(at: b, keepingLower: true))
            case .trimLower: return .histogram(a.trimmed(at: b, keepingLower: false))
            default: return incompatible("histogram", "float", &annotations)
            }
        case (.float(let a), .histogram(let b)):
            guard operation == .multiply else { return incompatible("float", "histogram", &annotations) }
            return .histogram(b.scaled(by: a))
        }
    }

    private func apply(
        _ a: NativeHistogram, _ b: NativeHistogram, _ annotations: inout Annotations
    ) -> VectorElement? {
        switch operation {
        case .add, .subtract:
            guard a.hasCustomBuckets == b.hasCustomBuckets else {
                annotations.warn(AnnotationText.incompatibleBuckets(operation.rawValue))
                return nil
            }
            let verb = operation == .add ? "addition" : "subtraction"
            let outcome = operation == .add ? a.adding(b) : a.subtracting(b)
            if outcome.resetCollision { annotations.warn(AnnotationText.counterResetCollision(verb)) }
            if outcome.reconciled { annotations.inform(AnnotationText.reconciledBuckets(verb)) }
            return .histogram(outcome.histogram.compacted())
        case .equal, .notEqual:
            let same = a.hasSameContent(as: b)
            let holds = operation == .equal ? same : !same
            if returnBool { return .float(holds ? 1 : 0) }
            return holds ? .histogram(a) : nil
        default: return incompatible("histogram", "histogram", &annotations)
        }
    }

    private func incompatible(_ left: String, _ right: String, _ annotations: inout Annotations) -> VectorElement? {
        annotations.inform(AnnotationText.incompatibleTypes(left, operation.rawValue, right))
        return nil
    }
}

extension StepSeries {
    func element(at index: Int) -> VectorElement {
        if let histogram = histogram(at: index) { return .histogram(histogram) }
        return .float(values[index])
    }

    mutating func set(_ element: VectorElement, at index: Int) {
        switch element {
        case .float(let value): set(value, at: index)
        case .histogram(let histogram): set(histogram, at: index)
        }
    }
}
