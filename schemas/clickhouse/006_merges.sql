-- The two large tables wait for more parts before they merge them. Each row is then
-- written less often while a log is caught up with, and a reader finds a few parts
-- more.
ALTER TABLE sequences MODIFY SETTING min_parts_to_merge_at_once = 8;
ALTER TABLE answers   MODIFY SETTING min_parts_to_merge_at_once = 8;
