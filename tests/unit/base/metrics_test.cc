#include "base/metrics.h"

#include <catch2/catch.hpp>

#include <thread>

#include "base/metrics_text.h"

using namespace hauspost;
using namespace hauspost::metrics;

namespace {

CounterFamily g_plain("hauspost_test_plain_total", "Without labels.");
CounterFamily g_labelled("hauspost_test_labelled_total", "With \"labels\"\\ and\nlines.",
                         {"kind", "outcome"});
CounterFamily g_crowd("hauspost_test_crowd_total", "Too many values.", {"value"});
HistogramFamily g_times("hauspost_test_seconds", "Times.", latency_buckets(), {"name"});
HistogramFamily g_sizes("hauspost_test_pieces", "Pieces.", count_buckets());

double value_of(const Snapshot& snapshot, std::string_view family,
                const std::vector<Label>& labels) {
  const Family* found = snapshot.find(family);
  REQUIRE(found != nullptr);
  for (const Sample& sample : found->samples) {
    if (sample.labels == labels) return sample.value;
  }
  FAIL("no such sample");
  return 0;
}

std::string text_of(Family family) {
  Snapshot snapshot;
  snapshot.families().push_back(std::move(family));
  return to_text(snapshot);
}

}  // namespace

TEST_CASE("metrics: a counter without labels is told before it counts") {
  CHECK(value_of(Snapshot::take(), "hauspost_test_plain_total", {}) == 0);
  g_plain.add();
  g_plain.add(4);
  CHECK(value_of(Snapshot::take(), "hauspost_test_plain_total", {}) == 5);
}

TEST_CASE("metrics: each combination of labels counts for itself, whichever thread counts") {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 1000; ++n) {
        g_labelled.with({"imap", "ok"}).add();
        if (n % 2 == 0) g_labelled.with({"imap", "denied"}).add();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Snapshot now = Snapshot::take();
  CHECK(value_of(now, "hauspost_test_labelled_total", {{"kind", "imap"}, {"outcome", "ok"}}) ==
        4000);
  CHECK(value_of(now, "hauspost_test_labelled_total", {{"kind", "imap"}, {"outcome", "denied"}}) ==
        2000);
}

TEST_CASE("metrics: a label with too many values ends in \"other\", and loses no count") {
  for (std::size_t i = 0; i < 3 * kCellsMax; ++i) g_crowd.with({std::to_string(i)}).add();
  const Snapshot now = Snapshot::take();
  const Family* family = now.find("hauspost_test_crowd_total");
  REQUIRE(family != nullptr);
  CHECK(family->samples.size() == kCellsMax);
  double total = 0;
  for (const Sample& sample : family->samples) total += sample.value;
  CHECK(total == 3.0 * kCellsMax);
  CHECK(value_of(now, "hauspost_test_crowd_total", {{"value", "other"}}) == 2 * kCellsMax + 1);
}

TEST_CASE("metrics: an observation falls into the bucket whose end it does not pass") {
  using namespace std::chrono_literals;
  Histogram& histogram = g_times.with({"exact"});
  histogram.observe(100us);        // the first bound itself
  histogram.observe(100us + 1ns);  // just behind it
  histogram.observe(60s);          // above all
  histogram.observe(-1ns);         // a clock that went back
  const Snapshot now = Snapshot::take();
  const Family* family = now.find("hauspost_test_seconds");
  REQUIRE(family != nullptr);
  REQUIRE(family->bounds.size() == 16);
  CHECK(family->bounds.front() == Approx(0.0001));
  CHECK(family->bounds.back() == Approx(10));
  const Sample& sample = family->samples.front();
  REQUIRE(sample.buckets.size() == 17);
  CHECK(sample.buckets[0] == 2);
  CHECK(sample.buckets[1] == 1);
  CHECK(sample.buckets[16] == 1);
  CHECK(sample.sum == Approx(60.0002));
}

TEST_CASE("metrics: a histogram's text is cumulative and ends in +Inf, sum and count") {
  g_sizes.with({}).observe(std::uint64_t{1});
  g_sizes.with({}).observe(std::uint64_t{3});
  g_sizes.with({}).observe(std::uint64_t{1000});
  Snapshot now = Snapshot::take();
  const std::string text = text_of(*now.find("hauspost_test_pieces"));
  CHECK(text.find("# TYPE hauspost_test_pieces histogram\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_bucket{le=\"1\"} 1\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_bucket{le=\"4\"} 2\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_bucket{le=\"512\"} 2\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_bucket{le=\"+Inf\"} 3\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_sum 1004\n") != std::string::npos);
  CHECK(text.find("hauspost_test_pieces_count 3\n") != std::string::npos);
}

TEST_CASE("metrics: help and values of labels are escaped as Prometheus reads them") {
  const std::string text = text_of({.name = "hauspost_x",
                                    .help = "a\\b\nc \"d\"",
                                    .kind = Kind::kGauge,
                                    .samples = {{{{"folder", "a\"b\\c\nd"}}, 1.5}}});
  CHECK(text ==
        "# HELP hauspost_x a\\\\b\\nc \"d\"\n"
        "# TYPE hauspost_x gauge\n"
        "hauspost_x{folder=\"a\\\"b\\\\c\\nd\"} 1.5\n");
}

TEST_CASE("metrics: numbers are written without loss") {
  const auto written = [](double value) {
    const std::string text = text_of({.name = "x", .kind = Kind::kGauge, .samples = {{{}, value}}});
    return text.substr(text.rfind(' ') + 1);
  };
  CHECK(written(0) == "0\n");
  CHECK(written(123456789012) == "123456789012\n");
  CHECK(written(0.1) == "0.1\n");
  CHECK(written(-2.5) == "-2.5\n");
  CHECK(written(std::numeric_limits<double>::infinity()) == "+Inf\n");
}

TEST_CASE("metrics: merging puts the labels of a process in front, and keeps families together") {
  Snapshot all;
  for (const char* role : {"frontend", "store"}) {
    Snapshot one;
    one.counter("hauspost_lines_total", "Lines.", 2, {{"level", "info"}});
    one.gauge("hauspost_only_" + std::string(role), "One.", 1);
    all.merge(std::move(one), {{"role", role}});
  }
  CHECK(all.families().size() == 3);
  CHECK(value_of(all, "hauspost_lines_total", {{"role", "store"}, {"level", "info"}}) == 2);
  CHECK(all.find("hauspost_lines_total")->samples.size() == 2);
}

TEST_CASE("metrics: what a process of another version says otherwise is left out of a family") {
  Snapshot all;
  all.counter("hauspost_x_total", "X.", 1);
  Snapshot other;
  other.gauge("hauspost_x_total", "X.", 9);
  all.merge(std::move(other), {});
  CHECK(all.find("hauspost_x_total")->samples.size() == 1);
}

TEST_CASE("metrics: quantiles lie within their bucket") {
  const double bounds[] = {1, 2, 4};
  const std::uint64_t buckets[] = {10, 10, 0, 0};
  CHECK(*quantile(bounds, buckets, 0.5) == Approx(1));
  CHECK(*quantile(bounds, buckets, 0.75) == Approx(1.5));
  CHECK(*quantile(bounds, buckets, 1) == Approx(2));
  const std::uint64_t none[] = {0, 0, 0, 0};
  CHECK_FALSE(quantile(bounds, none, 0.5));
  const std::uint64_t above[] = {0, 0, 0, 5};
  CHECK(*quantile(bounds, above, 0.5) == 4);
}
