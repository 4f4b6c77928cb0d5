// Makes one run of several neighbouring ones and leaves out bodies that are gone.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "store/search/run_writer.h"

namespace hauspost::store {

// REQUIRES: `runs` rise, do not overlap and span at most kRunSpanMax ids; `living` has a bit for
// each id from the first run's first to the last one's end. `check` is asked often; what it fails
// with ends the work. kCorrupt: a run is damaged (and marked so).
Result<> merge_runs(std::span<const std::shared_ptr<const SearchRun>> runs,
                    const DocumentSet& living, RunWriter& writer,
                    const std::function<Result<>()>& check);

}  // namespace hauspost::store
