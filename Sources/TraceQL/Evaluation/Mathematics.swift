#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

func raise(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
func binaryLogarithm(_ value: Double) -> Double { log2(value) }
func binaryPower(_ exponent: Double) -> Double { exp2(exponent) }
