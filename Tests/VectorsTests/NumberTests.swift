import Testing
import Vectors

@Suite struct NumberTests {
    @Test func numbersAreWrittenAsPrometheusWritesThem() {
        let cases: [(Double, String)] = [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"), (1.25e21, "1.25e+21"), (1e-6, "0.000001"), (1e-7, "1e-07"), (1.5e-10, "1.5e-10"),
            (.leastNonzeroMagnitude, "5e-324"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (123456789.125, "123456789.125"),
        ]
        for (value, text) in cases { #expect(formatValue(value) == text) }
        #expect(formatExponent(1) == "1e+00")
        #expect(formatPlain(1e21) == "1000000000000000000000")
    }

    @Test func compensatedSumsKeepWhatPlainSumsLose() {
        var sum = CompensatedSum()
        for term in [1.0, 1e100, 1, -1e100] { sum.add(term) }
        #expect(sum.value == 2)
        var mean = CompensatedMean()
        for term in [Double.greatestFiniteMagnitude, .greatestFiniteMagnitude] { mean.add(term) }
        #expect(mean.value == .greatestFiniteMagnitude)
    }
}
