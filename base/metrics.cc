#include "base/metrics.h"

#include <algorithm>

#include "base/check.h"

namespace hauspost::metrics {

namespace {

constexpr std::string_view kOther = "other";

// Families are made before main() begins, in an order that nobody knows.
std::atomic<const Registered*>& first_registered() {
  static std::atomic<const Registered*> first = nullptr;
  return first;
}

constexpr std::uint64_t kMicrosecond = 1000;
constexpr std::uint64_t kMillisecond = 1000 * kMicrosecond;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::uint64_t kLatencies[] = {
    100 * kMicrosecond,  250 * kMicrosecond,  500 * kMicrosecond, 1 * kMillisecond,
    2500 * kMicrosecond, 5 * kMillisecond,    10 * kMillisecond,  25 * kMillisecond,
    50 * kMillisecond,   100 * kMillisecond,  250 * kMillisecond, 500 * kMillisecond,
    1 * kSecond,         2500 * kMillisecond, 5 * kSecond,        10 * kSecond};
constexpr std::uint64_t kCounts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
static_assert(std::size(kLatencies) <= kBoundsMax && std::size(kCounts) <= kBoundsMax);
constexpr double kSecondsOfNanosecond = 1e-9;

}  // namespace

Registered::Registered() {
  next_ = first_registered().load();
  while (!first_registered().compare_exchange_weak(next_, this)) {
  }
}

Buckets latency_buckets() { return {kLatencies, kSecondsOfNanosecond}; }
Buckets count_buckets() { return {kCounts, 1}; }

void Histogram::observe(std::uint64_t value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

template <class Cell>
bool Cells<Cell>::fits(const Entry& entry, std::span<const std::string_view> values) {
  return std::ranges::equal(entry.labels, values, {}, &Label::value);
}

template <class Cell>
template <class... Arguments>
Cell& Cells<Cell>::with(std::span<const std::string_view> values, const Arguments&... arguments) {
  HP_CHECK(values.size() == names_.size());
  const std::scoped_lock lock(mutex_);
  for (Entry& entry : entries_) {
    if (fits(entry, values)) return entry.cell;
  }
  const bool full = entries_.size() + 1 >= kCellsMax;
  if (full && entries_.size() >= kCellsMax) return entries_.back().cell;
  std::vector<Label> labels;
  for (std::size_t i = 0; i < values.size(); ++i)
    labels.push_back({std::string(names_[i]), std::string(full ? kOther : values[i])});
  return entries_.emplace_back(std::move(labels), arguments...).cell;
}

CounterFamily::CounterFamily(std::string_view name, std::string_view help,
                             Cells<Counter>::Names labels)
    : name_(name), help_(help), cells_(labels) {
  if (labels.size() == 0) cells_.with({});
}

Counter& CounterFamily::with(std::initializer_list<std::string_view> values) {
  return cells_.with(std::span(values.begin(), values.size()));
}

void CounterFamily::add_to(Snapshot& snapshot) const {
  Family& family = snapshot.family(name_, help_, Kind::kCounter);
  cells_.for_each([&](const std::vector<Label>& labels, const Counter& counter) {
    family.samples.push_back({labels, static_cast<double>(counter.value())});
  });
}

HistogramFamily::HistogramFamily(std::string_view name, std::string_view help, Buckets buckets,
                                 Cells<Histogram>::Names labels)
    : name_(name), help_(help), buckets_(buckets), cells_(labels) {
  if (labels.size() == 0) cells_.with({}, buckets_.bounds);
}

Histogram& HistogramFamily::with(std::initializer_list<std::string_view> values) {
  return cells_.with(std::span(values.begin(), values.size()), buckets_.bounds);
}

void HistogramFamily::add_to(Snapshot& snapshot) const {
  Family& family = snapshot.family(name_, help_, Kind::kHistogram);
  if (family.bounds.empty()) {
    for (const std::uint64_t bound : buckets_.bounds)
      family.bounds.push_back(static_cast<double>(bound) * buckets_.unit);
  }
  cells_.for_each([&](const std::vector<Label>& labels, const Histogram& histogram) {
    Sample sample{labels};
    for (std::size_t i = 0; i <= buckets_.bounds.size(); ++i)
      sample.buckets.push_back(histogram.counts_[i].load(std::memory_order_relaxed));
    sample.sum =
        static_cast<double>(histogram.sum_.load(std::memory_order_relaxed)) * buckets_.unit;
    family.samples.push_back(std::move(sample));
  });
}

Snapshot Snapshot::take() {
  Snapshot snapshot;
  for (const Registered* one = first_registered(); one != nullptr; one = one->next_)
    one->add_to(snapshot);
  std::ranges::sort(snapshot.families_, {}, &Family::name);
  return snapshot;
}

Family& Snapshot::family(std::string_view name, std::string_view help, Kind kind) {
  const auto found = std::ranges::find(families_, name, &Family::name);
  if (found != families_.end()) return *found;
  return families_.emplace_back(Family{std::string(name), std::string(help), kind});
}

const Family* Snapshot::find(std::string_view name) const {
  const auto found = std::ranges::find(families_, name, &Family::name);
  return found == families_.end() ? nullptr : &*found;
}

void Snapshot::counter(std::string_view name, std::string_view help, double value,
                       std::vector<Label> labels) {
  family(name, help, Kind::kCounter).samples.push_back({std::move(labels), value});
}

void Snapshot::gauge(std::string_view name, std::string_view help, double value,
                     std::vector<Label> labels) {
  family(name, help, Kind::kGauge).samples.push_back({std::move(labels), value});
}

void Snapshot::merge(Snapshot other, const std::vector<Label>& labels) {
  for (Family& from : other.families_) {
    Family& to = family(from.name, from.help, from.kind);
    if (to.bounds.empty()) to.bounds = from.bounds;
    // Processes of another version may speak otherwise: what does not fit is left out.
    if (to.kind != from.kind || to.bounds != from.bounds) continue;
    for (Sample& sample : from.samples) {
      sample.labels.insert(sample.labels.begin(), labels.begin(), labels.end());
      to.samples.push_back(std::move(sample));
    }
  }
}

}  // namespace hauspost::metrics
