// Jobs that bring mail in from files and out into files: import, export, transfer-forget.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "server/child/job_transfer.pb.h"
#include "server/store_worker/job_kinds.h"
#include "server/transfer/exporter.h"
#include "server/transfer/file.h"
#include "server/transfer/importer.h"
#include "server/transfer/wire.h"

namespace hauspost::store_worker {

namespace {

struct Wish {
  child::wire::TransferRequest request;
  Guid id;
  Guid mailbox;
  transfer::Format format = transfer::Format::kAuto;
};

Result<Wish> read_wish(std::string_view bytes) {
  Wish wish;
  TRY_ASSIGN(wish.request, parse_job_request<child::wire::TransferRequest>(bytes));
  const auto id = Guid::from_bytes(wish.request.request());
  const auto mailbox = Guid::from_bytes(wish.request.mailbox_guid());
  if (!id || id->is_nil() || !mailbox || mailbox->is_nil())
    return fail(ErrorCode::kInvalid, "the request lacks a GUID");
  wish.id = *id;
  wish.mailbox = *mailbox;
  if (!wish.request.file().starts_with('/'))
    return fail(ErrorCode::kInvalid, "the file must be an absolute path");
  TRY_ASSIGN(wish.format, transfer::parse_format(wish.request.format()));
  return wish;
}

std::string transfer_path(const JobContext& context, const Guid& id, std::string_view ending) {
  return context.settings.database_path + "/transfers/" + id.to_string() + std::string(ending);
}

Result<> make_transfers_folder(const JobContext& context) {
  const std::string path = context.settings.database_path + "/transfers";
  std::error_code code;
  std::filesystem::create_directory(path, code);
  if (code) return fail(transfer::file_error("making folder", path, code.value()));
  return {};
}

// One job at a time for a request: two would go on from one note, and bring the same mail twice.
// The supervisor asks again when it has given up on a job, which may be at work here still.
class AtWork {
 public:
  explicit AtWork(const Guid& request) : request_(request) {
    const std::scoped_lock lock(all().mutex);
    alone_ = std::ranges::find(all().requests, request_) == all().requests.end();
    if (alone_) all().requests.push_back(request_);
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() {
    const std::scoped_lock lock(all().mutex);
    if (alone_) std::erase(all().requests, request_);
  }
  Result<> check() const {
    if (alone_) return {};
    return fail(ErrorCode::kCancelled, "an earlier job of the request has not ended yet");
  }

 private:
  struct All {
    std::mutex mutex;
    std::vector<Guid> requests;  // guarded by mutex
  };
  static All& all() {
    static All one;
    return one;
  }

  const Guid request_;
  bool alone_ = false;
};

template <class Repeated>
std::vector<std::string> texts(const Repeated& from) {
  return {from.begin(), from.end()};
}

}  // namespace

Result<std::string> import_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const Wish wish, read_wish(request));
  const AtWork at_work(wish.id);
  TRY(at_work.check());
  const child::wire::TransferRequest& from = wish.request;
  context.progress.begin("opening the source", 0);
  TRY(make_transfers_folder(context));
  TRY_ASSIGN(const auto source,
             transfer::open_source(from.file(), wish.format,
                                   {.message_bytes_max = context.settings.message_bytes_max}));
  transfer::ImportOptions options;
  options.request = wish.id;
  options.mailbox = wish.mailbox;
  options.label = from.mailbox();
  options.include = texts(from.include());
  options.exclude = texts(from.exclude());
  options.source_root = from.source_root();
  options.target_root = from.target_root();
  if (from.has_bad_items_max()) options.bad_items_max = from.bad_items_max();
  if (from.has_large_items_max()) options.large_items_max = from.large_items_max();
  options.ignore_quota = from.ignore_quota();
  options.dry_run = from.dry_run();
  options.report_path = transfer_path(context, wish.id, ".report");
  TRY_ASSIGN(const transfer::Tally tally,
             transfer::run_import(*source, *context.database, options, context.progress));
  return transfer::to_wire(tally).SerializeAsString();
}

Result<std::string> export_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const Wish wish, read_wish(request));
  const AtWork at_work(wish.id);
  TRY(at_work.check());
  const child::wire::TransferRequest& from = wish.request;
  TRY(make_transfers_folder(context));
  transfer::ExportOptions options;
  options.mailbox = wish.mailbox;
  options.file = from.file();
  options.format = wish.format;
  options.include = texts(from.include());
  options.exclude = texts(from.exclude());
  options.source_root = from.source_root();
  options.target_root = from.target_root();
  options.exclude_dumpster = from.exclude_dumpster();
  options.after_s = from.after_s();
  options.before_s = from.before_s();
  options.from = from.from();
  options.subject = from.subject();
  options.report_path = transfer_path(context, wish.id, ".report");
  options.state_path = transfer_path(context, wish.id, ".state");
  TRY_ASSIGN(const transfer::Tally tally,
             transfer::run_export(*context.database, options, context.progress));
  return transfer::to_wire(tally).SerializeAsString();
}

Result<std::string> forget_transfer_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::TransferForgetRequest>(request));
  const auto id = Guid::from_bytes(wish.request());
  const auto mailbox = Guid::from_bytes(wish.mailbox_guid());
  if (!id || !mailbox) return fail(ErrorCode::kInvalid, "the request lacks a GUID");
  TRY(transfer::forget_import(*context.database, *id, *mailbox));
  // Without a note the export has not begun, and what stands there is somebody else's.
  const std::string state = transfer_path(context, *id, ".state");
  if (!wish.file().empty() && ::access(state.c_str(), F_OK) == 0)
    TRY(transfer::remove_part(wish.file()));
  for (const std::string_view ending : {".report", ".state"})
    ::unlink(transfer_path(context, *id, ending).c_str());
  return std::string();
}

}  // namespace hauspost::store_worker
