// Beats: what looks again every few seconds looks at the same moments as everything else in its
// process that does, so that an idle process wakes once for all of it.
#pragma once

#include "base/async.h"

namespace hauspost {

// How often settings that may have changed are looked at.
inline constexpr std::chrono::seconds kSettingsBeat{2};

// Waits for the next multiple of `beat` on the steady clock that is at least a quarter of it away.
// Errors as sleep_for().
Task<Result<>> sleep_to_beat(std::chrono::seconds beat = kSettingsBeat);

// Pure: how long that is at the moment `since_epoch` of the clock.
Duration time_to_beat(Duration since_epoch, std::chrono::seconds beat);

}  // namespace hauspost
