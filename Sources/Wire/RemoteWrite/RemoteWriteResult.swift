import Telemetry

package struct RemoteWriteResult: Sendable {
    package var batch = SeriesBatch()
    /// Series whose labels are not valid: skipped with all they hold, as Prometheus does for 1.0.
    package var skippedSeries = 0
    /// Native histograms whose parts do not fit together.
    package var rejectedHistograms = 0
    /// English, why the first of them was left out.
    package var message: String?

    mutating func skipSeries(_ reason: String) {
        skippedSeries += 1
        if message == nil { message = reason }
    }

    mutating func rejectHistogram(_ reason: String) {
        rejectedHistograms += 1
        if message == nil { message = reason }
    }
}
