internal import Vectors

/// Functions of one float.
enum ElementFunction: String {
    case abs, ceil, floor, exp, ln, log2, log10, sqrt, sgn, deg, rad
    case acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan, tanh

    var function: (Double) -> Double {
        switch self {
        case .abs: { $0.magnitude }
        case .ceil: { $0.rounded(.up) }
        case .floor: { $0.rounded(.down) }
        case .exp: Elementary.exp
        case .ln: Elementary.log
        case .log2: Elementary.log2
        case .log10: Elementary.log10
        case .sqrt: { $0.squareRoot() }
        case .sgn: { $0 < 0 ? -1 : ($0 > 0 ? 1 : $0) }
        case .deg: { $0 * 180 / .pi }
        case .rad: { $0 * .pi / 180 }
        case .acos: Elementary.arcCosine
        case .acosh: Elementary.areaCosine
        case .asin: Elementary.arcSine
        case .asinh: Elementary.areaSine
        case .atan: Elementary.arcTangent
        case .atanh: Elementary.areaTangent
        case .cos: Elementary.cosine
        case .cosh: Elementary.hyperbolicCosine
        case .sin: Elementary.sine
        case .sinh: Elementary.hyperbolicSine
        case .tan: Elementary.tangent
        case .tanh: Elementary.hyperbolicTangent
        }
    }
}
