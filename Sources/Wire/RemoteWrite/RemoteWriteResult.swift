import Telemetry

package struct RemoteWriteResult: Sendable {
    package var batch = SeriesBatch()
    /// Series of a 2.0 request that were left out because their references are broken or nothing is in them, with the
    /// samples they hold. (Labels themselves are not looked at here.)
    package var skippedSeries = 0
    package var skippedSamples = 0
    /// Native histograms whose parts do not fit together.
    package var rejectedHistograms = 0
    package var skippedExemplars = 0
    /// English, why something was left out: the first few reasons.
    package var reasons: [String] = []

    package static let maximumReasons = 10

    mutating func skipSeries(samples: Int = 0, _ reason: String) {
        skippedSeries += 1
        skippedSamples += samples
        if reasons.count < RemoteWriteResult.maximumReasons { reasons.append(reason) }
    }

    mutating func skipExemplar(_ reason: String) {
        skippedExemplars += 1
        if reasons.count < RemoteWriteResult.maximumReasons { reasons.append(reason) }
    }

    mutating func rejectHistogram(_ reason: String) {
        rejectedHistograms += 1
        if reasons.count < RemoteWriteResult.maximumReasons { reasons.append(reason) }
    }
}
