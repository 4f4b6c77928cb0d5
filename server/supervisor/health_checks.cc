// What the supervisor sees by itself of the server's health.
#include <sys/statvfs.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <set>

#include "base/clock.h"
#include "server/child/frontend.pb.h"
#include "server/child/queue.pb.h"
#include "server/supervisor/ask_transport.h"
#include "server/supervisor/health_round.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

namespace {

namespace wire = child::wire;
using Outcome = Observation::Outcome;

constexpr Duration kCallTime = std::chrono::seconds(5);
constexpr std::int64_t kDay_s = 24 * 3600;
constexpr std::int64_t kCertificateSoon_s = 14 * kDay_s;
constexpr std::int64_t kCertificateUrgent_s = 3 * kDay_s;
constexpr std::int64_t kQueueOld_s = 4 * 3600;
constexpr std::uint64_t kPercent = 100;

std::int64_t now_s() {
  return std::chrono::floor<Seconds>(system_clock().now().time_since_epoch()).count();
}

Observation fact(std::string set, std::string target) {
  Observation one;
  one.set = std::move(set);
  one.target = std::move(target);
  one.answered = true;
  one.at_once = true;
  return one;
}

std::string time_text(std::int64_t time_s) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(time_s)));
}

// One observation for each file system that something of ours is on.
void check_disks(Supervisor& supervisor, std::uint32_t percent, std::vector<Observation>& out) {
  if (percent == 0) return;
  std::vector<std::string> folders{supervisor.options().data_root};
  if (const auto databases = supervisor.directory().reader().databases()) {
    for (const directory::DatabaseEntry& database : *databases) folders.push_back(database.path);
  }
  std::set<unsigned long> known;
  for (const std::string& folder : folders) {
    struct statvfs facts{};
    if (::statvfs(folder.c_str(), &facts) != 0 || facts.f_blocks == 0) continue;
    if (!known.insert(facts.f_fsid).second) continue;
    Observation one = fact("disk", folder);
    const std::uint64_t free = facts.f_bavail * kPercent / facts.f_blocks;
    if (free < percent) {
      one.outcome = Outcome::kFailed;
      one.text = fmt::format(
          "{} % of the disk is free ({} MiB), less than {} %; see: hauspost "
          "database list",
          free, facts.f_bavail * facts.f_frsize >> 20, percent);
    }
    out.push_back(std::move(one));
  }
}

void judge_certificate(const wire::Certificate& certificate, std::vector<Observation>& out) {
  const std::int64_t left = certificate.not_after_s() - now_s();
  const auto judge = [&](std::string set, bool bad) {
    Observation one = fact(std::move(set), certificate.certificate_file());
    if (bad) {
      one.outcome = Outcome::kFailed;
      one.text = left <= 0 ? "it expired on " + time_text(certificate.not_after_s())
                           : "it expires on " + time_text(certificate.not_after_s());
      one.text += "; put a new one there, then: hauspost certificate reload";
    }
    out.push_back(std::move(one));
  };
  judge("certificate", left < kCertificateSoon_s);
  // Apart, so that it is told again when it has become urgent.
  judge("certificate-urgent", left < kCertificateUrgent_s);
}

Task<void> check_certificates(Supervisor& supervisor, std::vector<Observation>& out) {
  const auto control = supervisor.frontend().control();
  if (!control) co_return;
  const auto bytes =
      co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kCertificates),
                             std::string_view(), kCallTime);
  wire::CertificatesReply reply;
  if (!bytes || !reply.ParseFromString(*bytes)) co_return;
  for (const wire::Certificate& certificate : reply.certificates()) {
    if (certificate.in_use()) judge_certificate(certificate, out);
  }
}

Task<void> check_queue(Supervisor& supervisor, std::vector<Observation>& out) {
  wire::QueueMessagesRequest request;
  request.mutable_walk()->set_limit(1);
  request.mutable_walk()->set_before_s(now_s() - kQueueOld_s);
  const std::string body = request.SerializeAsString();
  const auto reply = co_await ask_transport<wire::QueueMessagesReply>(
      supervisor, {.method = child::ControlMethod::kQueueMessages, .timeout = kCallTime}, body);
  if (!reply) co_return;  // transport's own health says so
  Observation one = fact("queue", {});
  if (reply->messages_size() != 0) {
    const wire::QueueMessage& message = reply->messages(0);
    one.outcome = Outcome::kFailed;
    one.text =
        fmt::format("message {} has waited in {} since {} or longer; see: hauspost queue list",
                    message.id(), message.queue(), time_text(message.received_s()));
  }
  out.push_back(std::move(one));
}

void check_backups(Supervisor& supervisor, std::uint32_t age_s, std::vector<Observation>& out) {
  if (age_s == 0) return;
  const directory::DirectoryReader& reader = supervisor.directory().reader();
  const auto databases = reader.databases();
  if (!databases) return;
  for (const directory::DatabaseEntry& database : *databases) {
    if (database.recovery) continue;
    const std::int64_t last = directory::last_backup(reader, database.guid).value_or(0);
    Observation one = fact("backup", database.name);
    // A new database has as long for its first one.
    if (now_s() - std::max(last, database.created_s) > age_s) {
      one.outcome = Outcome::kFailed;
      one.text =
          last == 0 ? "there is no backup of it" : "its last backup is of " + time_text(last);
      one.text += fmt::format("; make one: hauspost backup create {} --to FOLDER", database.name);
    }
    out.push_back(std::move(one));
  }
}

}  // namespace

void note_backups(Supervisor& supervisor) {
  directory::DirectoryWriter& writer = supervisor.directory();
  for (const JobFacts& job : supervisor.jobs().list()) {
    if (job.kind != "backup" || job.state != JobFacts::State::kDone) continue;
    const auto database = writer.reader().database(job.database);
    if (!database || !*database) continue;
    const auto known = directory::last_backup(writer.reader(), (*database)->guid);
    if (!known || *known >= job.ended_s) continue;
    const auto noted = directory::note_backup(writer, (*database)->guid, job.ended_s);
    if (!noted) log::warning("health.backup", {{"cause", noted.error()}});
  }
}

Task<std::vector<Observation>> check_server(Supervisor& supervisor,
                                            const directory::HealthSettings& settings) {
  std::vector<Observation> out;
  check_disks(supervisor, settings.disk_free_percent, out);
  check_backups(supervisor, settings.backup_age_s, out);
  co_await check_certificates(supervisor, out);
  co_await check_queue(supervisor, out);
  co_return out;
}

}  // namespace hauspost::supervisor
