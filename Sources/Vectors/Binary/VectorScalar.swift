internal import Telemetry

/// A vector by a number, at every point. `scalar` has one number for each grid point.
///
/// A filter comparison keeps the vector's value, also where the scalar stands on the left.
package func binary(
    _ operation: BinaryOperator, _ vector: StepMatrix, scalar: [Double], scalarOnLeft: Bool, returnBool: Bool = false,
    names: NameRemoval = .eager, annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    var output = vector
    let element = ElementOperation(operation: operation, returnBool: returnBool)
    let filters = operation.isComparison && !returnBool
    for at in output.series.indices {
        if operation.isArithmetic || returnBool { output.series[at].dropName(names) }
        if output.series[at].histograms == nil, !operation.isTrim {
            applyFloats(operation, &output.series[at], scalar, scalarOnLeft, filters)
            continue
        }
        for i in 0..<min(scalar.count, output.series[at].count) where output.series[at].present[i] {
            let own = vector.series[at].element(at: i)
            let other = VectorElement.float(scalar[i])
            output.series[at].remove(at: i)
            guard let result = element.apply(scalarOnLeft ? other : own, scalarOnLeft ? own : other, &annotations)
            else { continue }
            output.series[at].set(filters ? own : result, at: i)
        }
    }
    output.removeEmptySeries()
    if names == .eager, operation.isArithmetic || returnBool { try output.mergeEqualLabels() }
    return output
}

private func applyFloats(
    _ operation: BinaryOperator, _ series: inout StepSeries, _ scalar: [Double], _ scalarOnLeft: Bool, _ filters: Bool
) {
    let count = min(scalar.count, series.count)
    if filters {
        for i in 0..<count where series.present[i] {
            let result =
                scalarOnLeft
                ? applyScalar(operation, scalar[i], series.values[i])
                : applyScalar(operation, series.values[i], scalar[i])
            if result != 1 { series.present[i] = false }
        }
    } else if scalarOnLeft {
        for i in 0..<count { series.values[i] = applyScalar(operation, scalar[i], series.values[i]) }
    } else {
        for i in 0..<count { series.values[i] = applyScalar(operation, series.values[i], scalar[i]) }
    }
}

/// Two numbers, at every point.
package func binary(_ operation: BinaryOperator, scalars left: [Double], _ right: [Double]) -> [Double] {
    var output = left
    for i in 0..<min(left.count, right.count) { output[i] = applyScalar(operation, left[i], right[i]) }
    return output
}
