// Metrics as text: Prometheus's exposition format, version 0.0.4.
#pragma once

#include <optional>
#include <string>

#include "base/metrics.h"

namespace hauspost::metrics {

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

// Families in the order of their names, each with its HELP and TYPE lines.
std::string to_text(const Snapshot& snapshot);

// The value below which the share `quantile` (0 to 1) of all observations lies, by straight lines
// within the buckets; nullopt: there are none. Above the last bound it is the last bound.
std::optional<double> quantile(std::span<const double> bounds,
                               std::span<const std::uint64_t> buckets, double quantile);

}  // namespace hauspost::metrics
