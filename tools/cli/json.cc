#include "tools/cli/json.h"

#include "tools/cli/limit_options.h"

#include "base/ids.h"
#include "tools/cli/job.h"
#include "tools/cli/limit_options.h"

namespace hauspost::cli {

std::string state_word(admin::ProcessState state) {
  switch (state) {
    case admin::PROCESS_STATE_STARTING: return "starting";
    case admin::PROCESS_STATE_RUNNING: return "running";
    case admin::PROCESS_STATE_WAITING: return "waiting";
    case admin::PROCESS_STATE_QUARANTINED: return "quarantined";
    case admin::PROCESS_STATE_STOPPING: return "stopping";
    default: return "unknown";
  }
}

std::string state_word(admin::DatabaseState state) {
  switch (state) {
    case admin::DATABASE_STATE_MOUNTING: return "mounting";
    case admin::DATABASE_STATE_MOUNTED: return "mounted";
    case admin::DATABASE_STATE_DISMOUNTED: return "dismounted";
    case admin::DATABASE_STATE_FAILED: return "failed";
    case admin::DATABASE_STATE_QUARANTINED: return "quarantined";
    default: return "unknown";
  }
}

std::string guid_text(const std::string& bytes) {
  const auto guid = Guid::from_bytes(bytes);
  return guid ? guid->to_string() : std::string();
}

Json to_json(const admin::Process& process) {
  return {{"name", process.name()},        {"state", state_word(process.state())},
          {"pid", process.pid()},          {"started_s", process.started_s()},
          {"crashes", process.crashes()},  {"last_death", process.last_death()},
          {"database", process.database()}};
}

Json to_json(const admin::Listener& listener) {
  return {{"service", listener.service()},
          {"address", listener.address()},
          {"port", listener.port()},
          {"open", listener.open()}};
}

namespace {

Json upkeep_json(const child::wire::StoreStatistics& facts) {
  Json damage = Json::array();
  for (const auto& text : facts.damage()) damage.push_back(text);
  return {{"segments", facts.segments()},
          {"compactable_bytes", facts.compactable_bytes()},
          {"index_free_bytes", facts.index_free_bytes()},
          {"index_file_bytes", facts.index_file_bytes()},
          {"image_bytes", facts.image_bytes()},
          {"image_lsn", facts.image_lsn()},
          {"image_created_s", facts.image_created_s()},
          {"scan_started_s", facts.scan_started_s()},
          {"scan_finished_s", facts.scan_finished_s()},
          {"scan_under_way", facts.scan_under_way()},
          {"scan_bytes", facts.scan_bytes()},
          {"damage", damage},
          {"search_state", facts.search_state()},
          {"search_documents", facts.search_documents()},
          {"search_bytes", facts.search_bytes()},
          {"search_behind", facts.search_behind()},
          {"search_error", facts.search_error()}};
}

}  // namespace

Json to_json(const admin::Database& database) {
  Json jobs = Json::array();
  for (const auto& job : database.jobs()) jobs.push_back(to_json(job));
  return {{"name", database.name()},
          {"guid", guid_text(database.guid())},
          {"path", database.path()},
          {"state", state_word(database.state())},
          {"epoch", database.epoch()},
          {"created_s", database.created_s()},
          {"mount_at_startup", database.mount_at_startup()},
          {"mailboxes", database.mailboxes()},
          {"statistics_known", database.statistics_known()},
          {"stored_mailboxes", database.stored_mailboxes()},
          {"messages", database.messages()},
          {"log_bytes", database.log_bytes()},
          {"live_body_bytes", database.live_body_bytes()},
          {"dead_body_bytes", database.dead_body_bytes()},
          {"index_bytes", database.index_bytes()},
          {"last_lsn", database.last_lsn()},
          {"checkpoint_lsn", database.checkpoint_lsn()},
          {"commits", database.commits()},
          {"records", database.records()},
          {"problem", database.problem()},
          {"scan_period_s", database.scan_period_s()},
          {"compact_below_percent", database.compact_below_percent()},
          {"keep_log_s", database.keep_log_s()},
          {"compacted_s", database.compacted_s()},
          {"recovery", database.recovery()},
          {"last_backup_s", database.last_backup_s()},
          {"last_backup_lsn", database.last_backup_lsn()},
          {"last_backup_full", database.last_backup_full()},
          {"last_backup_path", database.last_backup_path()},
          {"limits", to_json(database.limits())},
          {"jobs", jobs},
          {"upkeep", upkeep_json(database.statistics())}};
}

Json to_json(const admin::Service& service) {
  return {{"name", service.name()}, {"enabled", service.enabled()}};
}

Json to_json(const admin::StatusReply& status) {
  Json warnings = Json::array();
  for (const std::string& warning : status.warnings()) warnings.push_back(warning);
  return {{"version", status.version()},
          {"hostname", status.hostname()},
          {"data_root", status.data_root()},
          {"pid", status.pid()},
          {"started_s", status.started_s()},
          {"processes", to_json_list(status.processes())},
          {"listeners", to_json_list(status.listeners())},
          {"databases", to_json_list(status.databases())},
          {"services", to_json_list(status.services())},
          {"warnings", warnings}};
}

Json to_json(const admin::Domain& domain) {
  return {{"name", domain.name()},
          {"addresses", domain.addresses()},
          {"type", domain.type()},
          {"subdomains", domain.subdomains()},
          {"catch_all", domain.catch_all()},
          {"plus_addressing", domain.plus_addressing()},
          {"srs", domain.srs()}};
}

namespace {

template <class Texts>
Json texts_json(const Texts& texts) {
  Json out = Json::array();
  for (const auto& text : texts) out.push_back(text);
  return out;
}

}  // namespace

// Field by field: a list of thousands in braces would be copied twice.
Json to_json(const admin::Mailbox& mailbox) {
  Json::object_t out;
  out.reserve(18);
  const auto put = [&out](const char* name, Json value) { out.emplace_back(name, std::move(value)); };
  put("address", mailbox.address());
  put("guid", guid_text(mailbox.guid()));
  put("aliases", texts_json(mailbox.aliases()));
  put("display_name", mailbox.display_name());
  put("database", mailbox.database());
  put("enabled", mailbox.enabled());
  put("imap", mailbox.imap());
  put("pop3", mailbox.pop3());
  put("smtp", mailbox.smtp());
  put("protocol_restricted", mailbox.protocol_restricted());
  put("system", mailbox.system());
  put("created_s", mailbox.created_s());
  put("imap_without", texts_json(mailbox.imap_without()));
  put("shared", mailbox.shared());
  put("app_passwords_only", mailbox.app_passwords_only());
  put("forward_to", mailbox.forward_to());
  put("forward_only", mailbox.forward_only());
  put("limits", to_json(mailbox.limits()));
  return out;
}

Json to_json(const admin::ClientSetting& setting) {
  return {{"service", setting.service()}, {"host", setting.host()},
          {"port", setting.port()},       {"encryption", setting.encryption()},
          {"user", setting.user()},       {"available", setting.available()},
          {"outside", setting.outside()}};
}

}  // namespace hauspost::cli
