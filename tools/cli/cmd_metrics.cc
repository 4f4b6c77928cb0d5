#include <fmt/format.h>

#include "base/metrics_text.h"
#include "server/child/metrics_wire.h"
#include "server/supervisor/admin_observe_api.h"
#include "tools/cli/commands.h"
#include "tools/cli/server_metrics.h"

namespace hauspost::cli {

namespace {

struct MetricsOptions {
  std::string name;
};

Json metric_sample_json(const metrics::Family& family, const metrics::Sample& sample) {
  Json labels = Json::object();
  for (const metrics::Label& label : sample.labels) labels[label.name] = label.value;
  if (family.kind != metrics::Kind::kHistogram)
    return {{"labels", labels}, {"value", sample.value}};
  return {{"labels", labels}, {"buckets", sample.buckets}, {"sum", sample.sum}};
}

Json metric_family_json(const metrics::Family& family) {
  constexpr std::string_view kWords[] = {"counter", "gauge", "histogram"};
  Json samples = Json::array();
  for (const metrics::Sample& sample : family.samples)
    samples.push_back(metric_sample_json(family, sample));
  Json out = {{"name", family.name},
              {"help", family.help},
              {"type", kWords[static_cast<std::size_t>(family.kind)]}};
  if (family.kind == metrics::Kind::kHistogram) out["bounds"] = family.bounds;
  out["samples"] = samples;
  return out;
}

Outcome<> run_metrics(Context& context, MetricsOptions& options) {
  TRY_ASSIGN(ServerMetrics now, ask_metrics(context));
  if (!options.name.empty()) {
    std::erase_if(now.snapshot.families(), [&](const metrics::Family& family) {
      return family.name.find(options.name) == std::string::npos;
    });
    if (now.snapshot.families().empty()) {
      return refused(ErrorCode::kNotFound,
                     fmt::format("no metric has {} in its name", options.name));
    }
  }
  Json families = Json::array();
  if (context.json()) {
    for (const metrics::Family& family : now.snapshot.families())
      families.push_back(metric_family_json(family));
  }
  context.print({{"time_ms", now.time_ms}, {"metrics", families}});
  if (context.json()) return {};
  std::string text = metrics::to_text(now.snapshot);
  text.pop_back();
  context.say(text);
  return {};
}

}  // namespace

Outcome<ServerMetrics> ask_metrics(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::MetricsRequest{}));
  auto snapshot = child::metrics_from_wire(reply.metrics().SerializeAsString());
  if (!snapshot) return refused(std::move(snapshot).error());
  return ServerMetrics{std::move(*snapshot), reply.time_ms()};
}

void add_metrics_command(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<MetricsOptions>();
  CLI::App* verb = add_verb<MetricsOptions>(app, "metrics",
                                            "Print what the server counts, as Prometheus reads it",
                                            chosen, options, run_metrics);
  verb->add_option("--name", options->name, "Only those with this in their name")
      ->type_name("TEXT");
}

}  // namespace hauspost::cli
