// What the job that deletes a database's files may delete.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/platform.h"
#include "store/recovery.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::store_worker;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  Fixture() {
    settings.database = "DB1";
    settings.database_guid = Guid::random();
    settings.database_path = folder / "db1";
  }
  Result<std::string> remove(const std::string& wanted) {
    child::wire::DeleteFilesRequest request;
    request.set_folder(wanted);
    JobContext context{settings, nullptr, progress};
    return delete_files_job(context, request.SerializeAsString());
  }

  hauspost::test::TempFolder folder;
  child::Settings settings;
  store::Progress progress;
};

}  // namespace

TEST_CASE("delete-files: a folder that is no database keeps its log") {
  Fixture f;
  const fs::path other = f.folder / "other";
  fs::create_directories(other / "log");
  std::ofstream(other / "log" / "messages") << "not ours";
  CHECK(f.remove(other.string()).error().code == ErrorCode::kInvalid);
  CHECK(fs::exists(other / "log" / "messages"));
}

TEST_CASE("delete-files: another database's files stay") {
  Fixture f;
  const std::string other = f.folder / "db2";
  REQUIRE(store::create_database(store::Platform::real(), other, Guid::random()));
  CHECK(f.remove(other).error().code == ErrorCode::kInvalid);
  CHECK(fs::exists(fs::path(other) / "database"));
}

TEST_CASE("delete-files: the database's own files go, wherever they lie") {
  Fixture f;
  const std::string left = f.folder / "old";
  for (const std::string& path : {f.settings.database_path, left})
    REQUIRE(store::create_database(store::Platform::real(), path, f.settings.database_guid));
  CHECK(f.remove(left));
  CHECK_FALSE(fs::exists(left));
  CHECK(f.remove(""));
  CHECK_FALSE(fs::exists(f.settings.database_path));
  CHECK(f.remove(""));  // nothing is left to do
}
