#include "base/durable_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <filesystem>

namespace hauspost {
namespace {

namespace fs = std::filesystem;

struct Folder {
  std::string path = [] {
    std::string made = (fs::temp_directory_path() / "durable-XXXXXX").string();
    return std::string(::mkdtemp(made.data()));
  }();
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string& name) const { return path + "/" + name; }
};

mode_t mode_of(const std::string& path) {
  struct stat facts{};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

TEST_CASE("a file is replaced as a whole, with its mode", "[durable_file]") {
  const Folder folder;
  const std::string path = folder.file("a");
  REQUIRE(replace_file(path, "one"));
  CHECK(read_small_file(path, 3).value() == "one");
  CHECK(mode_of(path) == 0600);
  REQUIRE(replace_file(path, {"t", "", "wo"}, 0644));
  CHECK(read_small_file(path, 10).value() == "two");
  CHECK(mode_of(path) == 0644);
  CHECK_FALSE(fs::exists(path + "~"));
}

TEST_CASE("replacing follows no link", "[durable_file]") {
  const Folder folder;
  const std::string victim = folder.file("victim");
  REQUIRE(replace_file(victim, "untouched"));
  fs::create_symlink(victim, folder.file("a"));
  fs::create_symlink(victim, folder.file("a~"));
  REQUIRE(replace_file(folder.file("a"), "new"));
  CHECK(read_small_file(victim, 100).value() == "untouched");
  CHECK(read_small_file(folder.file("a"), 100).value() == "new");
  CHECK_FALSE(fs::is_symlink(folder.file("a")));
}

TEST_CASE("what cannot be written leaves what was there", "[durable_file]") {
  const Folder folder;
  CHECK(replace_file(folder.file("no/such"), "x").error().code == ErrorCode::kNotFound);
  fs::create_directory(folder.file("sub"));
  REQUIRE(replace_file(folder.file("sub/inside"), "x"));
  const auto refused = replace_file(folder.file("sub"), "x");  // a folder is in the way
  REQUIRE_FALSE(refused);
  CHECK(fs::exists(folder.file("sub/inside")));
  CHECK_FALSE(fs::exists(folder.file("sub~")));
}

TEST_CASE("a new file must be new", "[durable_file]") {
  const Folder folder;
  REQUIRE(write_new_file(folder.file("a"), "one", 0640));
  CHECK(mode_of(folder.file("a")) == 0640);
  CHECK(write_new_file(folder.file("a"), "two").error().code == ErrorCode::kExists);
  CHECK(read_small_file(folder.file("a"), 3).value() == "one");
  CHECK(sync_folder(folder.path));
  CHECK(sync_folder(folder.file("none")).error().code == ErrorCode::kNotFound);
}

TEST_CASE("reading has a bound, and waits for nobody", "[durable_file]") {
  const Folder folder;
  REQUIRE(replace_file(folder.file("a"), std::string(40'000, 'x')));
  CHECK(read_small_file(folder.file("a"), 40'000).value().size() == 40'000);
  CHECK(read_small_file(folder.file("a"), 39'999).error().code == ErrorCode::kCorrupt);
  CHECK(read_small_file(folder.file("b"), 1).error().code == ErrorCode::kNotFound);
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  CHECK(read_small_file(folder.file("pipe"), 1).error().code == ErrorCode::kCorrupt);
  CHECK(read_small_file(folder.path, 1).error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hauspost
