#include <sys/stat.h>

#include <fmt/format.h>

#include <set>

#include "base/log.h"
#include "base/text.h"
#include "server/child/jobs.pb.h"
#include "server/store_worker/job_check.h"
#include "server/store_worker/job_kinds.h"
#include "store/image.h"
#include "store/platform.h"
#include "store/rebuild.h"
#include "store/recovery.h"
#include "store/throttle.h"

namespace hauspost::store_worker {

namespace {

std::string stamp() {
  const auto now = std::chrono::floor<Seconds>(system_clock().now());
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(now));
  const std::chrono::hh_mm_ss clock(now - std::chrono::floor<std::chrono::days>(now));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// Puts a mounted database's damaged messages aside and expunges them.
class Salvage {
 public:
  Salvage(JobContext& context, const store::VerifyReport& found)
      : context_(context),
        database_(*context.database),
        found_(found),
        folder_(context.settings.database_path + "/repair-" + stamp()) {}

  Result<> run() {
    if (::mkdir(folder_.c_str(), 0700) != 0) return fail(errno_error("making " + folder_));
    report_ = fmt::format(
        "Messages of database {} whose stored bytes are damaged, dropped by "
        "`database repair --drop-damaged`.\n\n",
        context_.settings.database);
    for (const store::Damage& damage : found_.damage) {
      for (const store::DamagedMessage& message : damage.messages) TRY(put_aside(damage, message));
    }
    // What is dropped below is on the disk by then.
    TRY(store::replace_file(disk(), folder_, "report.txt", report_));
    TRY(disk().sync_folder(context_.settings.database_path));
    context_.progress.begin("dropping damaged messages", 0);
    for (const store::Damage& damage : found_.damage) {
      for (const store::DamagedMessage& message : damage.messages) {
        TRY(context_.progress.check());
        TRY(drop(message));
      }
    }
    return {};
  }

  std::uint64_t dropped() const { return dropped_; }
  const std::string& folder() const { return folder_; }

 private:
  store::Disk& disk() const { return *database_.platform().disk; }

  Result<> put_aside(const store::Damage& damage, const store::DamagedMessage& message) {
    const std::string name =
        fmt::format("body-{:016x}-{}.eml", message.body.value, message.uid.value);
    report_ += fmt::format("{}: {}\n  {}\n", name, describe(message), describe(damage));
    const auto bytes = store::read_damaged(store::log_folder(database_.path()), message);
    if (!bytes) {
      report_ += fmt::format("  not even its bytes can be read: {}\n", bytes.error().text);
      return {};
    }
    return store::replace_file(disk(), folder_, name, *bytes);
  }

  Result<> drop(const store::DamagedMessage& message) {
    store::UidSet uid;
    uid.add(message.uid.value);
    TRY_ASSIGN(const store::UidSet gone,
               await_here(database_.expunge(store::Actor{}, message.folder_id, uid, false)));
    log::warning("store.repair.dropped", {{"message", describe(message)}});
    if (!gone.empty()) ++dropped_;
    return drop_deleted(message);
  }

  // A mailbox that keeps deleted messages keeps this one too: out of there as well.
  Result<> drop_deleted(const store::DamagedMessage& message) {
    store::UidSet uids;
    store::FolderId folder;
    {
      const store::Snapshot snapshot = database_.snapshot();
      const auto mailbox = snapshot.mailbox(message.mailbox);
      const auto deleted = mailbox ? snapshot.recoverable(mailbox->id) : std::nullopt;
      if (!deleted) return {};
      folder = deleted->id;
      snapshot.for_each_message(folder, {1, UINT32_MAX}, [&](const store::Message& there) {
        if (there.body == message.body) uids.add(there.uid.value);
        return true;
      });
    }
    if (uids.empty()) return {};
    TRY(await_here(database_.expunge(store::Actor{}, folder, uids, false)));
    return {};
  }

  JobContext& context_;
  store::Database& database_;
  const store::VerifyReport& found_;
  const std::string folder_;
  std::string report_;
  std::uint64_t dropped_ = 0;
};

// With an image, records that are damaged and hurt nobody are not needed any more.
Result<> cover_damage(JobContext& context, child::wire::RepairReport& report) {
  store::Throttle throttle(0);
  TRY(context.database->write_image(
      context.settings.database_path + "/" + std::string(store::kImageFile), throttle,
      context.progress));
  report.set_image_written(true);
  return {};
}

Result<> repair_mounted(JobContext& context, const child::wire::RepairRequest& wish,
                        const store::VerifyReport& found, child::wire::RepairReport& report) {
  std::uint64_t hurt = 0;
  for (const store::Damage& damage : found.damage) hurt += damage.messages.size();
  if (wish.dry_run()) {
    if (wish.drop_damaged()) report.set_messages_dropped(hurt);
    return {};
  }
  if (wish.drop_damaged() && hurt != 0) {
    Salvage salvage(context, found);
    TRY(salvage.run());
    report.set_messages_dropped(salvage.dropped());
    report.set_salvage(salvage.folder());
  }
  if (found.damage.empty()) return {};
  return cover_damage(context, report);
}

Result<> repair_closed(JobContext& context, const child::wire::RepairRequest& wish,
                       const store::VerifyReport& found, child::wire::RepairReport& report) {
  if (found.faults.empty()) return {};
  store::OpenOptions options;
  options.path = context.settings.database_path;
  options.guid = context.settings.database_guid;
  options.epoch = context.settings.epoch;
  TRY(store::rebuild_index(std::move(options), wish.dry_run(), context.progress));
  report.set_index_rebuilt(true);
  return {};
}

}  // namespace

Result<std::string> repair_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::RepairRequest>(request));
  TRY_ASSIGN(const store::VerifyReport found, look_for_damage(context));
  child::wire::RepairReport report;
  *report.mutable_found() = to_wire(found, context.settings.database_path);
  const auto repair = context.database != nullptr ? repair_mounted : repair_closed;
  TRY(repair(context, wish, found, report));
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
