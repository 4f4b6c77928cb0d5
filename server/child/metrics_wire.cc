#include "server/child/metrics_wire.h"

#include <algorithm>

#include "base/text.h"
#include "server/child/metrics.pb.h"

namespace hauspost::child {

namespace {

constexpr std::pair<metrics::Kind, wire::MetricKind> kKinds[] = {
    {metrics::Kind::kCounter, wire::METRIC_KIND_COUNTER},
    {metrics::Kind::kGauge, wire::METRIC_KIND_GAUGE},
    {metrics::Kind::kHistogram, wire::METRIC_KIND_HISTOGRAM},
};

// Whatever a process says of itself, it adds no lines of another's to what Prometheus reads.
bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

Result<metrics::Family> family_from_wire(const wire::MetricFamily& from) {
  const auto corrupt = [] { return fail(ErrorCode::kCorrupt, "metrics do not parse"); };
  metrics::Family to{from.name(), from.help()};
  bool known = false;
  for (const auto& [kind, wired] : kKinds) {
    if (wired != from.kind()) continue;
    to.kind = kind;
    known = true;
  }
  if (!known || !is_name(to.name)) return corrupt();
  to.bounds.assign(from.bounds().begin(), from.bounds().end());
  for (const wire::MetricSample& one : from.samples()) {
    metrics::Sample& sample = to.samples.emplace_back();
    for (const wire::MetricLabel& label : one.labels()) {
      if (!is_name(label.name())) return corrupt();
      sample.labels.push_back({label.name(), label.value()});
    }
    sample.value = one.value();
    sample.sum = one.sum();
    sample.buckets.assign(one.buckets().begin(), one.buckets().end());
    const bool histogram = to.kind == metrics::Kind::kHistogram;
    if (sample.buckets.size() != (histogram ? to.bounds.size() + 1 : 0)) return corrupt();
  }
  return to;
}

}  // namespace

std::string metrics_to_wire(const metrics::Snapshot& snapshot) {
  wire::MetricsReply reply;
  for (const metrics::Family& family : snapshot.families()) {
    wire::MetricFamily* to = reply.add_families();
    to->set_name(family.name);
    to->set_help(family.help);
    for (const auto& [kind, wired] : kKinds) {
      if (kind == family.kind) to->set_kind(wired);
    }
    to->mutable_bounds()->Add(family.bounds.begin(), family.bounds.end());
    for (const metrics::Sample& one : family.samples) {
      wire::MetricSample* sample = to->add_samples();
      for (const metrics::Label& label : one.labels) {
        wire::MetricLabel* out = sample->add_labels();
        out->set_name(label.name);
        out->set_value(label.value);
      }
      sample->set_value(one.value);
      sample->set_sum(one.sum);
      sample->mutable_buckets()->Add(one.buckets.begin(), one.buckets.end());
    }
  }
  return reply.SerializeAsString();
}

Result<metrics::Snapshot> metrics_from_wire(std::string_view bytes) {
  wire::MetricsReply reply;
  if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "metrics do not parse");
  metrics::Snapshot snapshot;
  for (const wire::MetricFamily& one : reply.families()) {
    TRY_ASSIGN(auto family, family_from_wire(one));
    snapshot.families().push_back(std::move(family));
  }
  return snapshot;
}

}  // namespace hauspost::child
