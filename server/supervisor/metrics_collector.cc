#include "server/supervisor/metrics_collector.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics_text.h"
#include "base/socket_stream.h"
#include "server/child/control.h"
#include "server/child/metrics_wire.h"
#include "server/supervisor/health_watch.h"
#include "server/supervisor/process_facts.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kAnswerTime = std::chrono::seconds(3);
constexpr Duration kWriteTime = std::chrono::seconds(10);

// "store DB1" is role "store" of database "DB1".
std::vector<metrics::Label> labels_of(std::string_view child) {
  const std::size_t space = child.find(' ');
  std::vector<metrics::Label> labels = {{"role", std::string(child.substr(0, space))}};
  if (space != std::string_view::npos)
    labels.push_back({"database", std::string(child.substr(space + 1))});
  return labels;
}

struct Answer {
  std::string child;
  std::optional<metrics::Snapshot> snapshot;
};

Task<void> ask(std::shared_ptr<link::RpcClient> control, Answer& into) {
  const auto bytes = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kMetrics), std::string_view(), kAnswerTime);
  auto parsed = bytes ? child::metrics_from_wire(*bytes) : fail(bytes.error());
  if (parsed) {
    into.snapshot = std::move(*parsed);
  } else {
    log::warning("metrics.missing", {{"child", into.child}, {"cause", parsed.error()}});
  }
}

void add_process(metrics::Snapshot& out, std::string_view name, pid_t pid, std::int64_t started_s) {
  if (pid == 0) return;
  const auto labels = labels_of(name);
  out.gauge("hauspost_process_start_time_seconds", "When the process was started, Unix time.",
            static_cast<double>(started_s), labels);
  const auto facts = process_facts(pid);
  if (!facts) return;
  out.gauge("hauspost_process_resident_memory_bytes", "Memory of the process in RAM.",
            static_cast<double>(facts->resident_bytes), labels);
  out.counter("hauspost_process_cpu_seconds_total", "Processor time the process has used.",
              facts->cpu_s, labels);
  out.gauge("hauspost_process_threads", "Threads of the process.",
            static_cast<double>(facts->threads), labels);
}

void add_child(metrics::Snapshot& out, const ChildProcess& child) {
  const ChildProcess::Facts& facts = child.facts();
  const auto labels = labels_of(child.name());
  out.gauge("hauspost_child_up", "1 while the process runs and answers, else 0.",
            facts.state == ChildProcess::State::kRunning ? 1 : 0, labels);
  out.counter("hauspost_child_crashes_total",
              "Abnormal ends of the process since the supervisor started.",
              static_cast<double>(facts.crashes), labels);
  add_process(out, child.name(), facts.pid, facts.started_s);
}

void add_disk(metrics::Snapshot& out, const std::string& path, std::vector<metrics::Label> labels) {
  struct statvfs disk{};
  if (::statvfs(path.c_str(), &disk) != 0) return;
  const auto block = static_cast<double>(disk.f_frsize);
  out.gauge("hauspost_disk_free_bytes", "Space left to the server on the disk of a folder.",
            block * static_cast<double>(disk.f_bavail), labels);
  out.gauge("hauspost_disk_size_bytes", "Size of the disk of a folder.",
            block * static_cast<double>(disk.f_blocks), std::move(labels));
}

void add_databases(metrics::Snapshot& out, Supervisor& supervisor) {
  add_disk(out, supervisor.options().data_root, {{"folder", "data"}});
  const auto databases = supervisor.directory().reader().databases();
  if (!databases) return;
  for (const directory::DatabaseEntry& database : *databases) {
    out.gauge("hauspost_database_mounted", "1 while the database is to be mounted, else 0.",
              database.mounted ? 1 : 0, {{"database", database.name}});
    const std::string& path = database.path;
    add_disk(out, path, {{"folder", "database " + database.name}});
  }
}

void add_jobs(metrics::Snapshot& out, Supervisor& supervisor) {
  double running = 0;
  for (const JobFacts& job : supervisor.jobs().list())
    running += job.state == JobFacts::State::kRunning ? 1 : 0;
  out.gauge("hauspost_jobs_running", "Background jobs under way.", running);
}

}  // namespace

Task<metrics::Snapshot> collect_metrics(Supervisor& supervisor) {
  const Executor executor = co_await asio::this_coro::executor;
  std::vector<ChildProcess*> children = supervisor.children();
  std::vector<Answer> answers(children.size());
  TaskGroup asking(executor);
  for (std::size_t i = 0; i < children.size(); ++i) {
    answers[i].child = children[i]->name();
    if (auto control = children[i]->control())
      asking.spawn("metrics.ask", ask(std::move(control), answers[i]));
  }
  co_await asking.join();
  metrics::Snapshot out;
  out.merge(metrics::Snapshot::take(), labels_of("hauspostd"));
  for (Answer& answer : answers) {
    if (answer.snapshot) out.merge(std::move(*answer.snapshot), labels_of(answer.child));
  }
  // Some may have gone while they were asked.
  for (const ChildProcess* child : supervisor.children()) {
    // One that nobody wants now is not down.
    if (child->facts().state != ChildProcess::State::kStopped) add_child(out, *child);
  }
  add_process(out, "hauspostd", ::getpid(), supervisor.started_s());
  add_databases(out, supervisor);
  add_jobs(out, supervisor);
  supervisor.health_watch().measure(out);
  out.gauge("hauspost_build_info", "Always 1; the label tells the version.", 1,
            {{"version", HAUSPOST_VERSION}});
  co_return out;
}

MetricsServer::MetricsServer(Executor executor, Supervisor& supervisor)
    : supervisor_(supervisor),
      connections_(executor, "metrics", kConnectionsMax,
                   [this](UnixSocket socket) { return serve(std::move(socket)); }) {}

Result<> MetricsServer::listen() {
  const std::string path = supervisor_.run_dir() + "/" + std::string(kMetricsSocket);
  TRY_ASSIGN(UniqueFd fd, listen_unix(path, supervisor_.ownership().group()));
  connections_.only_from(
      child::callers(supervisor_.ownership().users(), {child::Role::kWeb}));
  return connections_.listen(fd.release());
}

Task<void> MetricsServer::serve(UnixSocket socket) {
  const metrics::Snapshot snapshot = co_await collect_metrics(supervisor_);
  const std::string text = metrics::to_text(snapshot);
  UnixStream stream(std::move(socket));
  stream.set_timeout(kWriteTime);
  [[maybe_unused]] auto written = co_await stream.write(text);
}

}  // namespace hauspost::supervisor
