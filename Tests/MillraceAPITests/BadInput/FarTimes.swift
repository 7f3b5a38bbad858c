// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// Times that lie ahead whenever the tests run.
enum FarTimes {
    static var inTwoDays: String { (Timestamp.now() + .seconds(2 * 86_400)).rfc3339 }
}
