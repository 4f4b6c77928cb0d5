#include "tools/cli/top_facts.h"

#include <algorithm>
#include <map>

#include "base/metrics_text.h"

namespace hauspost::cli {

namespace {

using metrics::Family;
using metrics::Label;
using metrics::Sample;

std::string_view top_label(const Sample& sample, std::string_view name) {
  const auto found = std::ranges::find(sample.labels, name, &Label::name);
  return found == sample.labels.end() ? std::string_view() : std::string_view(found->value);
}

// Every sample of a family that has these labels.
template <class Use>
void top_each(const metrics::Snapshot& snapshot, std::string_view family,
              const std::vector<Label>& wanted, const Use& use) {
  const Family* found = snapshot.find(family);
  if (found == nullptr) return;
  for (const Sample& sample : found->samples) {
    const bool fits = std::ranges::all_of(
        wanted, [&](const Label& one) { return top_label(sample, one.name) == one.value; });
    if (fits) use(sample);
  }
}

double top_sum(const metrics::Snapshot& snapshot, std::string_view family,
               const std::vector<Label>& wanted = {}) {
  double total = 0;
  top_each(snapshot, family, wanted, [&](const Sample& sample) { total += sample.value; });
  return total;
}

class TopPair {
 public:
  TopPair(const ServerMetrics& before, const ServerMetrics& now)
      : before_(before.snapshot),
        now_(now.snapshot),
        seconds_(std::max(static_cast<double>(now.time_ms - before.time_ms) / 1000, 0.001)) {}

  double seconds() const { return seconds_; }
  double per_s(std::string_view family, const std::vector<Label>& wanted = {}) const {
    const double old = top_sum(before_, family, wanted);
    const double fresh = top_sum(now_, family, wanted);
    return (fresh >= old ? fresh - old : fresh) / seconds_;
  }

  TopLatency latency(std::string name, std::string_view family) const {
    TopLatency out{std::move(name)};
    const Family* found = now_.find(family);
    if (found == nullptr) return out;
    std::vector<std::uint64_t> buckets = top_total(now_, *found);
    const std::vector<std::uint64_t> old = top_total(before_, *found);
    if (std::ranges::equal(buckets, old, std::greater_equal())) {
      for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] -= old[i];
    }
    for (const std::uint64_t count : buckets) out.count += count;
    out.p50_s = metrics::quantile(found->bounds, buckets, 0.50);
    out.p95_s = metrics::quantile(found->bounds, buckets, 0.95);
    out.p99_s = metrics::quantile(found->bounds, buckets, 0.99);
    return out;
  }

 private:
  static std::vector<std::uint64_t> top_total(const metrics::Snapshot& snapshot,
                                              const Family& like) {
    std::vector<std::uint64_t> buckets(like.bounds.size() + 1);
    top_each(snapshot, like.name, {}, [&](const Sample& sample) {
      if (sample.buckets.size() != buckets.size()) return;
      for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += sample.buckets[i];
    });
    return buckets;
  }

  const metrics::Snapshot& before_;
  const metrics::Snapshot& now_;
  double seconds_;
};

struct TopRateOf {
  std::string_view name;
  std::string_view family;
  std::vector<Label> labels = {};
};

std::vector<TopRate> rates_of(const TopPair& pair) {
  const TopRateOf wanted[] = {
      {"connections", "hauspost_connections_total", {{"outcome", "accepted"}}},
      {"connections_refused", "hauspost_connections_total", {{"outcome", "refused"}}},
      {"logins", "hauspost_logins_total", {{"outcome", "ok"}}},
      {"logins_denied", "hauspost_logins_total", {{"outcome", "denied"}}},
      {"messages_in", "hauspost_smtp_messages_total"},
      {"refusals", "hauspost_smtp_refusals_total"},
      {"delivered", "hauspost_store_deliveries_total", {{"outcome", "delivered"}}},
      {"sent", "hauspost_transport_recipients_total", {{"outcome", "sent"}}},
      {"deferred", "hauspost_transport_recipients_total", {{"outcome", "deferred"}}},
      {"failed", "hauspost_transport_recipients_total", {{"outcome", "failed"}}},
      {"imap_commands", "hauspost_imap_commands_total"},
      {"pop3_commands", "hauspost_pop3_commands_total"},
      {"bytes_in", "hauspost_client_bytes_total", {{"direction", "in"}}},
      {"bytes_out", "hauspost_client_bytes_total", {{"direction", "out"}}},
      {"commits", "hauspost_store_commits_total"},
  };
  std::vector<TopRate> rates;
  for (const TopRateOf& one : wanted)
    rates.push_back({std::string(one.name), pair.per_s(one.family, one.labels)});
  return rates;
}

std::vector<TopService> services_of(const metrics::Snapshot& now) {
  std::vector<TopService> services;
  top_each(now, "hauspost_sessions", {}, [&](const Sample& sample) {
    const std::string name(top_label(sample, "service"));
    services.push_back(
        {name, sample.value, top_sum(now, "hauspost_sessions_logged_in", {{"service", name}})});
  });
  return services;
}

std::vector<TopQueue> queues_of(const metrics::Snapshot& now) {
  std::vector<TopQueue> queues;
  top_each(now, "hauspost_queue_bytes", {}, [&](const Sample& sample) {
    const std::string kind(top_label(sample, "queue"));
    const std::vector<Label> of = {{"queue", kind}};
    queues.push_back({kind, top_sum(now, "hauspost_queue_items", of), sample.value,
                      top_sum(now, "hauspost_queue_oldest_seconds", of)});
  });
  return queues;
}

std::vector<TopDatabase> databases_of(const metrics::Snapshot& now, const TopPair& pair) {
  std::vector<TopDatabase> databases;
  top_each(now, "hauspost_database_mounted", {}, [&](const Sample& sample) {
    const std::string name(top_label(sample, "database"));
    const std::vector<Label> of = {{"database", name}};
    databases.push_back({.name = name,
                         .messages = top_sum(now, "hauspost_store_messages", of),
                         .mailboxes = top_sum(now, "hauspost_store_mailboxes", of),
                         .log_bytes = top_sum(now, "hauspost_store_log_bytes", of),
                         .index_bytes = top_sum(now, "hauspost_store_index_bytes", of),
                         .commits_per_s = pair.per_s("hauspost_store_commits_total", of),
                         .search_backlog = top_sum(now, "hauspost_search_backlog_messages", of),
                         .disk_free_bytes = top_sum(now, "hauspost_disk_free_bytes",
                                                    {{"folder", "database " + name}})});
  });
  return databases;
}

std::vector<TopProcess> processes_of(const metrics::Snapshot& now, const TopPair& pair) {
  std::vector<TopProcess> processes;
  const auto add = [&](std::string_view role, std::string_view database, bool up) {
    std::vector<Label> of = {{"role", std::string(role)}};
    if (!database.empty()) of.push_back({"database", std::string(database)});
    processes.push_back(
        {.name = std::string(role) + (database.empty() ? "" : " " + std::string(database)),
         .up = up,
         .resident_bytes = top_sum(now, "hauspost_process_resident_memory_bytes", of),
         .cpu_share = pair.per_s("hauspost_process_cpu_seconds_total", of),
         .threads = top_sum(now, "hauspost_process_threads", of),
         .crashes = top_sum(now, "hauspost_child_crashes_total", of)});
  };
  add("hauspostd", {}, true);
  top_each(now, "hauspost_child_up", {}, [&](const Sample& sample) {
    add(top_label(sample, "role"), top_label(sample, "database"), sample.value > 0);
  });
  return processes;
}

}  // namespace

TopFacts top_facts(const ServerMetrics& before, const ServerMetrics& now) {
  const TopPair pair(before, now);
  TopFacts facts;
  top_each(now.snapshot, "hauspost_build_info", {},
           [&](const Sample& sample) { facts.version = top_label(sample, "version"); });
  facts.time_ms = now.time_ms;
  facts.interval_s = pair.seconds();
  facts.up_s =
      static_cast<double>(now.time_ms) / 1000 -
      top_sum(now.snapshot, "hauspost_process_start_time_seconds", {{"role", "hauspostd"}});
  facts.disk_free_bytes = top_sum(now.snapshot, "hauspost_disk_free_bytes", {{"folder", "data"}});
  facts.disk_size_bytes = top_sum(now.snapshot, "hauspost_disk_size_bytes", {{"folder", "data"}});
  facts.rates = rates_of(pair);
  facts.latencies = {pair.latency("imap_command", "hauspost_imap_command_seconds"),
                     pair.latency("login", "hauspost_login_seconds"),
                     pair.latency("commit", "hauspost_store_commit_seconds"),
                     pair.latency("disk_sync", "hauspost_store_sync_seconds")};
  facts.services = services_of(now.snapshot);
  facts.queues = queues_of(now.snapshot);
  facts.databases = databases_of(now.snapshot, pair);
  facts.processes = processes_of(now.snapshot, pair);
  return facts;
}

void sort_processes(TopFacts& facts, TopOrder order) {
  switch (order) {
    case TopOrder::kName: break;
    case TopOrder::kMemory:
      std::ranges::sort(facts.processes, std::greater(), &TopProcess::resident_bytes);
      break;
    case TopOrder::kProcessor:
      std::ranges::sort(facts.processes, std::greater(), &TopProcess::cpu_share);
      break;
  }
}

}  // namespace hauspost::cli
