// Metrics: what a process counts, under the names Prometheus knows it by. A family is an object
// with static lifetime that lives where its number arises; what it counts is asked for as a
// Snapshot. Names: hauspost_ROOM_WHAT_UNIT, counters end in _total, times are seconds, sizes bytes.
// Every name stands in docs/manual/metrics.md.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::metrics {

enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

struct Sample {
  std::vector<Label> labels;
  double value = 0;  // counter, gauge
  std::vector<std::uint64_t> buckets =
      {};          // histogram: how many in each, the last above all bounds
  double sum = 0;  // histogram
};

struct Family {
  std::string name;
  std::string help;
  Kind kind = Kind::kCounter;
  std::vector<double> bounds = {};  // histogram: upper ends of the buckets but the last
  std::vector<Sample> samples = {};
};

// What one process or, merged, all of them say at one moment.
class Snapshot {
 public:
  // Everything this process counts.
  static Snapshot take();

  void counter(std::string_view name, std::string_view help, double value,
               std::vector<Label> labels = {});
  void gauge(std::string_view name, std::string_view help, double value,
             std::vector<Label> labels = {});
  // The family of that name, made when there is none.
  Family& family(std::string_view name, std::string_view help, Kind kind);
  const Family* find(std::string_view name) const;
  // Takes over all of `other`, every sample with `labels` in front of its own.
  void merge(Snapshot other, const std::vector<Label>& labels);

  std::vector<Family>& families() { return families_; }
  const std::vector<Family>& families() const { return families_; }

 private:
  std::vector<Family> families_;
};

// Thread-safe; never blocks.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

inline constexpr std::size_t kBoundsMax = 16;

// Thread-safe; never blocks. Values are whole numbers of the family's unit.
class Histogram {
 public:
  explicit Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds) {}
  void observe(std::uint64_t value);
  void observe(std::chrono::nanoseconds time) {
    observe(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
  }

 private:
  friend class HistogramFamily;
  std::span<const std::uint64_t> bounds_;
  std::array<std::atomic<std::uint64_t>, kBoundsMax + 1> counts_{};
  std::atomic<std::uint64_t> sum_ = 0;
};

// What every family is to Snapshot::take(). Static lifetime: it is never taken off the list.
class Registered {
 public:
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 protected:
  Registered();
  ~Registered() = default;

 private:
  friend class Snapshot;
  virtual void add_to(Snapshot& snapshot) const = 0;
  const Registered* next_ = nullptr;
};

// Values of labels come from short lists of our own. Were there ever more, the rest is counted
// under "other".
inline constexpr std::size_t kCellsMax = 200;

// One family of labelled `Cell`s. with() looks through a short list: what is counted often keeps
// the reference, which stays good.
template <class Cell>
class Cells {
 public:
  using Names = std::initializer_list<std::string_view>;
  explicit Cells(Names names) : names_(names.begin(), names.end()) {}

  // REQUIRES: as many values as names.
  template <class... Arguments>
  Cell& with(std::span<const std::string_view> values, const Arguments&... arguments);
  void for_each(const auto& use) const {
    const std::scoped_lock lock(mutex_);
    for (const Entry& entry : entries_) use(entry.labels, entry.cell);
  }

 private:
  struct Entry {
    template <class... Arguments>
    explicit Entry(std::vector<Label> of, const Arguments&... arguments)
        : labels(std::move(of)), cell(arguments...) {}
    std::vector<Label> labels;
    Cell cell;
  };
  static bool fits(const Entry& entry, std::span<const std::string_view> values);

  std::vector<std::string_view> names_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // never moved
};

class CounterFamily final : Registered {
 public:
  // Texts must be literals. Without labels its one counter is there at once.
  CounterFamily(std::string_view name, std::string_view help, Cells<Counter>::Names labels = {});
  Counter& with(std::initializer_list<std::string_view> values);
  void add(std::uint64_t count = 1) { with({}).add(count); }

 private:
  void add_to(Snapshot& snapshot) const override;
  std::string_view name_;
  std::string_view help_;
  Cells<Counter> cells_;
};

// Upper ends of buckets, in the unit of what is observed.
struct Buckets {
  std::span<const std::uint64_t> bounds;
  double unit;  // one of it in what Prometheus is told
};
// 0.1 ms to 10 s, observed as durations.
Buckets latency_buckets();
// 1 to 512 pieces.
Buckets count_buckets();

class HistogramFamily final : Registered {
 public:
  // As CounterFamily.
  HistogramFamily(std::string_view name, std::string_view help, Buckets buckets,
                  Cells<Histogram>::Names labels = {});
  Histogram& with(std::initializer_list<std::string_view> values);

 private:
  void add_to(Snapshot& snapshot) const override;
  std::string_view name_;
  std::string_view help_;
  Buckets buckets_;
  Cells<Histogram> cells_;
};

}  // namespace hauspost::metrics
