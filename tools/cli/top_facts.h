// What `hauspost top` shows: two moments of the server's numbers, made into rates and shares.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/cli/json.h"
#include "tools/cli/server_metrics.h"

namespace hauspost::cli {

struct TopRate {
  std::string name;  // "messages_in"
  double per_s = 0;
};

struct TopLatency {
  std::string name;         // "imap_command"
  std::uint64_t count = 0;  // in the interval
  std::optional<double> p50_s;
  std::optional<double> p95_s;
  std::optional<double> p99_s;
};

struct TopService {
  std::string name;
  double sessions = 0;
  double logged_in = 0;
};

struct TopQueue {
  std::string kind;
  double items = 0;
  double bytes = 0;
  double oldest_s = 0;
};

struct TopDatabase {
  std::string name;
  double messages = 0;
  double mailboxes = 0;
  double log_bytes = 0;
  double index_bytes = 0;
  double commits_per_s = 0;
  double search_backlog = 0;
  double disk_free_bytes = 0;
};

struct TopProcess {
  std::string name;  // "store DB1"
  bool up = false;
  double resident_bytes = 0;
  double cpu_share = 0;  // 1: one processor
  double threads = 0;
  double crashes = 0;
};

enum class TopOrder : std::uint8_t { kName, kMemory, kProcessor };

struct TopFacts {
  std::string version;
  std::int64_t time_ms = 0;
  double interval_s = 0;
  double up_s = 0;             // the supervisor
  double disk_free_bytes = 0;  // of the data root
  double disk_size_bytes = 0;
  std::vector<TopRate> rates;
  std::vector<TopLatency> latencies;
  std::vector<TopService> services;
  std::vector<TopQueue> queues;
  std::vector<TopDatabase> databases;
  std::vector<TopProcess> processes;
};

// Pure. A counter that is less than before began anew: what it says came since.
TopFacts top_facts(const ServerMetrics& before, const ServerMetrics& now);
void sort_processes(TopFacts& facts, TopOrder order);

Json to_json(const TopFacts& facts);
// Lines for a terminal of that many columns; 0: no limit.
std::string render_top(const TopFacts& facts, std::size_t width);

}  // namespace hauspost::cli
