#include "server/store_worker/job_check.h"

#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/image.h"

namespace hauspost::store_worker {

namespace {

void to_wire(const store::Damage& from, child::wire::Damage& to) {
  to.set_segment(from.segment.value);
  to.set_offset(from.offset);
  to.set_bytes(from.bytes);
  to.set_lsn(from.lsn.value);
  to.set_what(from.what);
  for (const store::DamagedMessage& message : from.messages) {
    child::wire::DamagedMessage* out = to.add_messages();
    out->set_mailbox(message.label);
    out->set_mailbox_guid(std::string(message.mailbox.as_bytes()));
    out->set_folder(message.folder);
    out->set_folder_id(message.folder_id.value);
    out->set_uid(message.uid.value);
    out->set_bytes(message.bytes);
  }
}

}  // namespace

Result<store::VerifyReport> look_for_damage(JobContext& context) {
  if (context.database != nullptr) return context.database->verify(context.progress);
  return store::verify(context.settings.database_path, context.progress);
}

bool is_covered(const store::Damage& damage, const std::string& folder) {
  if (!damage.messages.empty() || damage.behind == store::Lsn()) return false;
  const auto image = store::read_image_info(folder + "/" + std::string(store::kImageFile));
  return image && damage.behind <= image->lsn.next();
}

child::wire::CheckReport to_wire(const store::VerifyReport& found, const std::string& folder) {
  child::wire::CheckReport report;
  report.set_records(found.records);
  report.set_mailboxes(found.mailboxes);
  report.set_folders(found.folders);
  report.set_messages(found.messages);
  report.set_bodies(found.bodies);
  report.set_log_bytes(found.log_bytes);
  report.set_index_checked(found.index_checked);
  bool whole = found.faults.empty();
  for (const std::string& fault : found.faults) report.add_faults(fault);
  for (const store::Damage& damage : found.damage) {
    child::wire::Damage* out = report.add_damage();
    to_wire(damage, *out);
    out->set_covered(is_covered(damage, folder));
    whole = whole && out->covered();
  }
  report.set_whole(whole);
  return report;
}

Result<std::string> check_job(JobContext& context, std::string_view request) {
  TRY(parse_job_request<child::wire::CheckRequest>(request));
  TRY_ASSIGN(const store::VerifyReport found, look_for_damage(context));
  return to_wire(found, context.settings.database_path).SerializeAsString();
}

}  // namespace hauspost::store_worker
