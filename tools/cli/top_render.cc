#include <fmt/format.h>

#include "tools/cli/table.h"
#include "tools/cli/top_facts.h"

namespace hauspost::cli {

namespace {

std::string top_bytes(double bytes) { return human_bytes(static_cast<std::uint64_t>(bytes)); }

std::string top_time(std::optional<double> seconds) {
  if (!seconds) return "-";
  if (*seconds < 0.001) return fmt::format("{:.0f} us", *seconds * 1e6);
  if (*seconds < 1) return fmt::format("{:.1f} ms", *seconds * 1e3);
  return fmt::format("{:.1f} s", *seconds);
}

std::string top_rates(const TopFacts& facts) {
  std::string out;
  std::size_t in_line = 0;
  for (const TopRate& rate : facts.rates) {
    const bool bytes = rate.name.starts_with("bytes");
    const std::string value =
        bytes ? top_bytes(rate.per_s) + "/s" : fmt::format("{:.1f}/s", rate.per_s);
    std::string name = rate.name;
    std::ranges::replace(name, '_', ' ');
    out += fmt::format("{:<20}{:>11}{}", name, value, ++in_line % 3 == 0 ? "\n" : "   ");
  }
  if (in_line % 3 != 0) out += "\n";
  return out;
}

std::string top_latencies(const TopFacts& facts, std::size_t width) {
  Table table({{"TIME OF"}, {"COUNT", true}, {"HALF", true}, {"95%", true}, {"99%", true}});
  for (const TopLatency& one : facts.latencies) {
    std::string name = one.name;
    std::ranges::replace(name, '_', ' ');
    table.add({name, std::to_string(one.count), top_time(one.p50_s), top_time(one.p95_s),
               top_time(one.p99_s)});
  }
  return table.render(width);
}

std::string top_services(const TopFacts& facts, std::size_t width) {
  Table table({{"SERVICE"}, {"SESSIONS", true}, {"LOGGED IN", true}});
  for (const TopService& one : facts.services)
    table.add(
        {one.name, fmt::format("{:.0f}", one.sessions), fmt::format("{:.0f}", one.logged_in)});
  return table.render(width);
}

std::string top_queues(const TopFacts& facts, std::size_t width) {
  Table table({{"QUEUE"}, {"ITEMS", true}, {"SIZE", true}, {"OLDEST", true}});
  for (const TopQueue& one : facts.queues) {
    table.add({one.kind, fmt::format("{:.0f}", one.items), top_bytes(one.bytes),
               one.items > 0 ? human_seconds(static_cast<std::int64_t>(one.oldest_s)) : "-"});
  }
  return table.render(width);
}

std::string top_databases(const TopFacts& facts, std::size_t width) {
  Table table({{"DATABASE"},
               {"MAILBOXES", true},
               {"MESSAGES", true},
               {"LOG", true},
               {"INDEX", true},
               {"COMMITS/S", true},
               {"TO INDEX", true},
               {"DISK FREE", true}});
  for (const TopDatabase& one : facts.databases) {
    table.add({one.name, fmt::format("{:.0f}", one.mailboxes), fmt::format("{:.0f}", one.messages),
               top_bytes(one.log_bytes), top_bytes(one.index_bytes),
               fmt::format("{:.1f}", one.commits_per_s), fmt::format("{:.0f}", one.search_backlog),
               top_bytes(one.disk_free_bytes)});
  }
  return table.render(width);
}

std::string top_processes(const TopFacts& facts, std::size_t width) {
  Table table({{"PROCESS"},
               {"STATE"},
               {"MEMORY", true},
               {"CPU", true},
               {"THREADS", true},
               {"CRASHES", true}});
  double memory = 0;
  for (const TopProcess& one : facts.processes) {
    memory += one.resident_bytes;
    table.add({one.name, one.up ? "up" : "down", top_bytes(one.resident_bytes),
               fmt::format("{:.1f}%", one.cpu_share * 100), fmt::format("{:.0f}", one.threads),
               fmt::format("{:.0f}", one.crashes)});
  }
  return table.render(width) + fmt::format("Memory in all: {}\n", top_bytes(memory));
}

}  // namespace

std::string render_top(const TopFacts& facts, std::size_t width) {
  std::string out = fmt::format("Hauspost {}, up {}, data disk {} free of {}\n\n", facts.version,
                                human_seconds(static_cast<std::int64_t>(facts.up_s)),
                                top_bytes(facts.disk_free_bytes), top_bytes(facts.disk_size_bytes));
  out += top_rates(facts) + "\n";
  out += top_latencies(facts, width) + "\n";
  out += top_services(facts, width) + "\n";
  out += top_queues(facts, width) + "\n";
  if (!facts.databases.empty()) out += top_databases(facts, width) + "\n";
  return out + top_processes(facts, width);
}

Json to_json(const TopFacts& facts) {
  Json rates = Json::object();
  for (const TopRate& one : facts.rates) rates[one.name] = one.per_s;
  const auto seconds = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  Json latencies = Json::object();
  for (const TopLatency& one : facts.latencies) {
    latencies[one.name] = {{"count", one.count},
                           {"p50_s", seconds(one.p50_s)},
                           {"p95_s", seconds(one.p95_s)},
                           {"p99_s", seconds(one.p99_s)}};
  }
  Json services = Json::array();
  for (const TopService& one : facts.services)
    services.push_back(
        {{"service", one.name}, {"sessions", one.sessions}, {"logged_in", one.logged_in}});
  Json queues = Json::array();
  for (const TopQueue& one : facts.queues)
    queues.push_back({{"queue", one.kind},
                      {"items", one.items},
                      {"bytes", one.bytes},
                      {"oldest_s", one.oldest_s}});
  Json databases = Json::array();
  for (const TopDatabase& one : facts.databases)
    databases.push_back({{"database", one.name},
                         {"mailboxes", one.mailboxes},
                         {"messages", one.messages},
                         {"log_bytes", one.log_bytes},
                         {"index_bytes", one.index_bytes},
                         {"commits_per_s", one.commits_per_s},
                         {"search_backlog", one.search_backlog},
                         {"disk_free_bytes", one.disk_free_bytes}});
  Json processes = Json::array();
  for (const TopProcess& one : facts.processes)
    processes.push_back({{"process", one.name},
                         {"up", one.up},
                         {"resident_bytes", one.resident_bytes},
                         {"cpu_share", one.cpu_share},
                         {"threads", one.threads},
                         {"crashes", one.crashes}});
  return {{"version", facts.version},
          {"time_ms", facts.time_ms},
          {"interval_s", facts.interval_s},
          {"up_s", facts.up_s},
          {"disk_free_bytes", facts.disk_free_bytes},
          {"disk_size_bytes", facts.disk_size_bytes},
          {"rates_per_s", rates},
          {"latencies", latencies},
          {"services", services},
          {"queues", queues},
          {"databases", databases},
          {"processes", processes}};
}

}  // namespace hauspost::cli
