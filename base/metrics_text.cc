#include "base/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hauspost::metrics {

namespace {

constexpr double kExactWhole = 1e15;  // below it a double holds every whole number

std::string_view kind_word(Kind kind) {
  switch (kind) {
    case Kind::kCounter: return "counter";
    case Kind::kGauge: return "gauge";
    case Kind::kHistogram: return "histogram";
  }
  return "untyped";
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::floor(value) == value && std::abs(value) < kExactWhole)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

void append_line(std::string& out, std::string_view name, const std::vector<Label>& labels,
                 std::string_view bound, std::string_view value) {
  out += name;
  char before = '{';
  for (const Label& label : labels) {
    fmt::format_to(std::back_inserter(out), "{}{}=\"{}\"", before, label.name,
                   escaped(label.value, true));
    before = ',';
  }
  if (!bound.empty()) {
    fmt::format_to(std::back_inserter(out), "{}le=\"{}\"", before, bound);
    before = ',';
  }
  if (before == ',') out += '}';
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

void append_histogram(std::string& out, const Family& family, const Sample& sample) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
    below += sample.buckets[i];
    const std::string bound =
        i < family.bounds.size() ? fmt::format("{:.10g}", family.bounds[i]) : std::string("+Inf");
    append_line(out, family.name + "_bucket", sample.labels, bound, std::to_string(below));
  }
  append_line(out, family.name + "_sum", sample.labels, {}, number(sample.sum));
  append_line(out, family.name + "_count", sample.labels, {}, std::to_string(below));
}

}  // namespace

std::string to_text(const Snapshot& snapshot) {
  std::vector<const Family*> families;
  for (const Family& family : snapshot.families()) families.push_back(&family);
  std::ranges::sort(families, {}, &Family::name);
  std::string out;
  for (const Family* family : families) {
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", family->name,
                   escaped(family->help, false), family->name, kind_word(family->kind));
    for (const Sample& sample : family->samples) {
      if (family->kind == Kind::kHistogram) {
        append_histogram(out, *family, sample);
      } else {
        append_line(out, family->name, sample.labels, {}, number(sample.value));
      }
    }
  }
  return out;
}

std::optional<double> quantile(std::span<const double> bounds,
                               std::span<const std::uint64_t> buckets, double quantile) {
  const auto total = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (total == 0 || bounds.empty() || buckets.size() != bounds.size() + 1) return std::nullopt;
  const double rank = quantile * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      const double lower = i == 0 ? 0 : bounds[i - 1];
      return lower + (bounds[i] - lower) * (rank - below) / here;
    }
    below += here;
  }
  return bounds.back();
}

}  // namespace hauspost::metrics
