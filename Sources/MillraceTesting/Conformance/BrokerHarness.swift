// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// A broker under test, and a hold on its clock.
package protocol BrokerHarness: Sendable {
    var broker: any JobBroker { get }

    /// Moves the broker's clock ahead without waiting. The clock may run besides, or stand still.
    ///
    /// `waitForWork` times out by real time all the same.
    func advanceClock(by duration: Duration) async throws
}
