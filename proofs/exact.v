(** Exact rational matrices: integers over one denominator, as the rules about matrices compute with them.

    [value] says what a matrix is; every operation is said in terms of it. Spec: statements.md#matrices. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result.
From Certify.rules Require Import matrices psd.
Import ListNotations.
Open Scope Z_scope.

(** ** Matrices and their entries *)

Record matrix := { m_rows : nat; m_columns : nat; m_cells : list (list Z); m_den : Z }.

(** As many rows and entries as it says, at least one, and a positive denominator. *)
Definition formed (m : matrix) : Prop :=
  0 < m_den m /\ (1 <= m_rows m)%nat /\ (1 <= m_columns m)%nat /\
  length (m_cells m) = m_rows m /\ Forall (fun r => length r = m_columns m) (m_cells m).

Definition value (m : matrix) (i j : nat) : R := (IZR (cell (m_cells m) i j) / IZR (m_den m))%R.

(** ** What a file says: format.md and statements.md#matrices *)

(** Tensor, rows, columns, and the factor num / den. *)
Record matrix_words := { mw_tensor : nat; mw_rows : nat; mw_columns : nat; mw_num : Z; mw_den : Z }.

(** The numbers of a tensor: IEEE floats or two's complement. *)
Definition numbers (x : tensor) : list R :=
  match layout (t_type x) with
  | Some _ => reals x
  | None => map (fun w => IZR (signed (width (t_type x)) w)) (words (width (t_type x)) (t_bytes x))
  end.

(** Entry (i, j) of a matrix of a file, row-major. *)
Definition meaning (s : store) (w : matrix_words) (i j : nat) : R :=
  match nth_error s (mw_tensor w) with
  | Some x => (IZR (mw_num w) / IZR (mw_den w) * nth (i * mw_columns w + j) (numbers x) 0)%R
  | None => 0%R
  end.

(** ** Reading *)

(** Integers and an exponent: entry k is the k-th integer times 2^e. *)
Definition least_exponent (ds : list dyadic) : Z :=
  match fold_left (fun low p =>
    if fst p =? 0 then low
    else match low with None => Some (snd p) | Some e => Some (Z.min e (snd p)) end) ds None with
  | Some e => e
  | None => 0
  end.

Definition exact_numbers (x : tensor) : option (list Z * Z) :=
  match layout (t_type x) with
  | Some _ =>
      match dyadics x with
      | Some ds => let e := least_exponent ds in
                   Some (map (fun p => if fst p =? 0 then 0 else Z.shiftl (fst p) (snd p - e)) ds, e)
      | None => None
      end
  | None => match integers x with Some l => Some (l, 0) | None => None end
  end.

(** Rows of [n] entries, [k] of them. *)
Fixpoint chunks (n k : nat) (l : list Z) : list (list Z) :=
  match k with O => [] | S k' => firstn n l :: chunks n k' (skipn n l) end.

Definition read_matrix (s : store) (w : matrix_words) : result matrix :=
  x <- get "no-such-tensor" (nth_error s (mw_tensor w)) ;;
  _ <- need "denominator" (1 <=? mw_den w) ;;
  _ <- need "shape" ((1 <=? mw_rows w) && (1 <=? mw_columns w) && (t_count x =? mw_rows w * mw_columns w))%nat ;;
  p <- get "not-finite" (exact_numbers x) ;;
  let '(l, e) := p in
  Ok {| m_rows := mw_rows w; m_columns := mw_columns w;
        m_cells := chunks (mw_columns w) (mw_rows w) (map (fun v => v * Z.shiftl (mw_num w) (Z.max e 0)) l);
        m_den := Z.shiftl (mw_den w) (Z.max (- e) 0) |}.

Theorem read_matrix_correct s w m : read_matrix s w = Ok m ->
  formed m /\ m_rows m = mw_rows w /\ m_columns m = mw_columns w /\
  forall i j, (i < m_rows m)%nat -> (j < m_columns m)%nat -> value m i j = meaning s w i j.
Admitted.

Fixpoint read_matrices (s : store) (ws : list matrix_words) : result (list matrix) :=
  match ws with
  | [] => Ok []
  | w :: rest => m <- read_matrix s w ;; ms <- read_matrices s rest ;; Ok (m :: ms)
  end.

(** ** Operations *)

Definition m_times (num den : Z) (m : matrix) : matrix :=
  {| m_rows := m_rows m; m_columns := m_columns m; m_cells := map (map (Z.mul num)) (m_cells m); m_den := m_den m * den |}.

Definition m_opp (m : matrix) : matrix :=
  {| m_rows := m_rows m; m_columns := m_columns m; m_cells := map (map Z.opp) (m_cells m); m_den := m_den m |}.

Definition scaled_cells (k : Z) (m : matrix) : list (list Z) :=
  if k =? 1 then m_cells m else map (map (Z.mul k)) (m_cells m).

(** Of matrices of one shape. *)
Definition m_add (a b : matrix) : matrix :=
  if m_den a =? m_den b then
    {| m_rows := m_rows a; m_columns := m_columns a; m_cells := add_rows (m_cells a) (m_cells b); m_den := m_den a |}
  else
    {| m_rows := m_rows a; m_columns := m_columns a;
       m_cells := add_rows (scaled_cells (m_den b) a) (scaled_cells (m_den a) b); m_den := m_den a * m_den b |}.

Definition m_sub (a b : matrix) : matrix := m_add a (m_opp b).

Definition m_transpose (m : matrix) : matrix :=
  {| m_rows := m_columns m; m_columns := m_rows m; m_cells := transposed (m_cells m); m_den := m_den m |}.

(** a b, where a has as many columns as b rows. *)
Definition m_mul (a b : matrix) : matrix :=
  let columns := transposed (m_cells b) in
  {| m_rows := m_rows a; m_columns := m_columns b; m_cells := map (fun r => map (zdot r) columns) (m_cells a);
     m_den := m_den a * m_den b |}.

(** k in place (i, i), zero elsewhere; from row [i] on. *)
Fixpoint unit_rows (n i rows : nat) (k : Z) : list (list Z) :=
  match rows with
  | O => []
  | S m => (repeat 0 i ++ k :: repeat 0 (n - S i))%list :: unit_rows n (S i) m k
  end.

Definition m_identity (n : nat) : matrix := {| m_rows := n; m_columns := n; m_cells := unit_rows n 0 n 1; m_den := 1 |}.

Definition m_zero (r c : nat) : matrix := {| m_rows := r; m_columns := c; m_cells := repeat (repeat 0 c) r; m_den := 1 |}.

(** Entrywise; of matrices of one shape. *)
Definition m_each (a b : matrix) : matrix :=
  {| m_rows := m_rows a; m_columns := m_columns a; m_cells := map2 (map2 Z.mul) (m_cells a) (m_cells b);
     m_den := m_den a * m_den b |}.

(** One above the other; of matrices of one width. *)
Definition m_above (a b : matrix) : matrix :=
  if m_den a =? m_den b then
    {| m_rows := m_rows a + m_rows b; m_columns := m_columns a; m_cells := m_cells a ++ m_cells b; m_den := m_den a |}
  else
    {| m_rows := m_rows a + m_rows b; m_columns := m_columns a;
       m_cells := scaled_cells (m_den b) a ++ scaled_cells (m_den a) b; m_den := m_den a * m_den b |}.

(** Side by side; of matrices of one height. *)
Definition m_beside (a b : matrix) : matrix := m_transpose (m_above (m_transpose a) (m_transpose b)).

(** ** What they do *)

Open Scope R_scope.

(** sum_(i < n) f i *)
Fixpoint sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S m => sum m f + f m end.

Lemma value_outside m i j : formed m -> (m_rows m <= i \/ m_columns m <= j)%nat -> value m i j = 0.
Admitted.

Lemma value_times num den m i j : formed m -> (0 < den)%Z -> value (m_times num den m) i j = IZR num / IZR den * value m i j.
Admitted.

Lemma value_opp m i j : value (m_opp m) i j = - value m i j.
Admitted.

Lemma value_add a b i j : formed a -> formed b -> value (m_add a b) i j = value a i j + value b i j.
Admitted.

Lemma value_sub a b i j : formed a -> formed b -> value (m_sub a b) i j = value a i j - value b i j.
Admitted.

Lemma value_transpose m i j : value (m_transpose m) i j = value m j i.
Admitted.

Lemma value_mul a b i j : formed a -> formed b -> m_columns a = m_rows b ->
  value (m_mul a b) i j = sum (m_columns a) (fun k => value a i k * value b k j).
Admitted.

Lemma value_identity n i j : (i < n)%nat -> value (m_identity n) i j = if Nat.eqb i j then 1 else 0.
Admitted.

Lemma value_zero r c i j : value (m_zero r c) i j = 0.
Admitted.

Lemma value_each a b i j : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b ->
  value (m_each a b) i j = value a i j * value b i j.
Admitted.

Lemma value_above a b i j : formed a -> formed b -> m_columns a = m_columns b ->
  value (m_above a b) i j = if Nat.ltb i (m_rows a) then value a i j else value b (i - m_rows a) j.
Admitted.

Lemma value_beside a b i j : formed a -> formed b -> m_rows a = m_rows b ->
  value (m_beside a b) i j = if Nat.ltb j (m_columns a) then value a i j else value b i (j - m_columns a).
Admitted.

Lemma formed_times num den m : formed m -> (0 < den)%Z -> formed (m_times num den m).
Admitted.
Lemma formed_opp m : formed m -> formed (m_opp m).
Admitted.
Lemma formed_add a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_add a b).
Admitted.
Lemma formed_sub a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_sub a b).
Admitted.
Lemma formed_transpose m : formed m -> formed (m_transpose m).
Admitted.
Lemma formed_mul a b : formed a -> formed b -> formed (m_mul a b).
Admitted.
Lemma formed_identity n : (1 <= n)%nat -> formed (m_identity n).
Admitted.
Lemma formed_zero r c : (1 <= r)%nat -> (1 <= c)%nat -> formed (m_zero r c).
Admitted.
Lemma formed_each a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_each a b).
Admitted.
Lemma formed_above a b : formed a -> formed b -> m_columns a = m_columns b -> formed (m_above a b).
Admitted.
Lemma formed_beside a b : formed a -> formed b -> m_rows a = m_rows b -> formed (m_beside a b).
Admitted.

(** x' V y for an (n, n) V. *)
Definition form (n : nat) (v : nat -> nat -> R) (x : nat -> R) : R :=
  sum n (fun i => sum n (fun j => v i j * x i * x j)).

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof. induction n as [|n IH]; intros H; simpl; [reflexivity|]. rewrite IH, H; auto with arith. Qed.

Lemma sum_add n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma sum_opp n f : sum n (fun i => - f i) = - sum n f.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma sum_scale n k f : sum n (fun i => k * f i) = k * sum n f.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  assert (sum n f <= sum n g) by (apply IH; auto with arith). assert (f n <= g n) by auto with arith. lra.
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  assert (0 <= sum n f) by (apply IH; auto with arith). assert (0 <= f n) by auto with arith. lra.
Qed.

Lemma sum_swap n m f : sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; simpl.
  - induction m as [|m IHm]; simpl; [reflexivity|]. rewrite <- IHm. lra.
  - rewrite IH, <- sum_add. reflexivity.
Qed.

Lemma sum_zero n : sum n (fun _ => 0) = 0.
Proof. induction n as [|n IH]; simpl; [reflexivity|]. rewrite IH. lra. Qed.

Lemma sum_split n m f : sum (n + m) f = sum n f + sum m (fun i => f (n + i)%nat).
Proof.
  induction m as [|m IH]; [rewrite Nat.add_0_r; simpl; lra|].
  rewrite Nat.add_succ_r. simpl. rewrite IH. lra.
Qed.

Lemma sum_delta n k f : (k < n)%nat -> sum n (fun i => if Nat.eqb k i then f i else 0) = f k.
Proof.
  intros H. induction n as [|n IH]; [lia|]. simpl. destruct (Nat.eqb k n) eqn:E.
  - apply Nat.eqb_eq in E. subst k. rewrite (sum_ext n _ (fun _ => 0)), sum_zero; [lra|].
    intros i Hi. destruct (Nat.eqb n i) eqn:E; [apply Nat.eqb_eq in E; lia|reflexivity].
  - apply Nat.eqb_neq in E. rewrite IH; [lra|lia].
Qed.

(** ** Rule *psd*: a symmetric matrix is positive semidefinite. Spec: rules.md#psd. *)

Open Scope Z_scope.

(** The lower triangle, row by row: row i has i + 1 entries. *)
Fixpoint triangle (i rows : nat) (packed : list Z) : list (list Z) :=
  match rows with O => [] | S m => firstn (S i) packed :: triangle (S i) m (skipn (S i) packed) end.

(** Row i times 2^(k_i - least) and entry j of it times 2^(k_j - least). *)
Definition congruent (powers : list Z) (rows : list (list Z)) : list (list Z) :=
  map2 (fun p r => map2 (fun q v => p * v * q) powers r) powers rows.

Fixpoint rows_equal (a b : list (list Z)) : bool :=
  match a, b with
  | [], [] => true
  | x :: a', y :: b' => (length x =? length y)%nat && forallb (fun p => fst p =? snd p) (combine x y) && rows_equal a' b'
  | _, _ => false
  end.

(** Diagonal entries less the sizes of the others in their rows. Below the diagonal L L' is formed once: by rows. *)
Definition positive (m : matrix) (shifts packed : list Z) : result unit :=
  let n := m_rows m in
  _ <- need "not-symmetric" ((m_columns m =? n)%nat && rows_equal (m_cells m) (transposed (m_cells m))) ;;
  _ <- need "hint" ((length shifts =? n) && (length packed =? n * (n + 1) / 2))%nat ;;
  _ <- (if forallb (fun k => Z.abs k <=? 2000) shifts then Ok tt else Decline "limit") ;;
  let low := fold_right Z.min (hd 0 shifts) shifts in
  let scaled := map (map (fun v => Z.shiftl v (Z.max (2 * low) 0)))
                  (congruent (map (fun k => Z.shiftl 1 (k - low)) shifts) (m_cells m)) in
  let unit := Z.shiftl (m_den m) (Z.max (-2 * low) 0) in
  let whole := map (map (fun v => v / unit)) scaled in
  let l := triangle 0 n packed in
  let margins := psd.margins 0 (psd.remainder l l whole) in
  let kept := forallb (Z.leb (Z.of_nat n - 1)) margins
              || (forallb (Z.leb 0) margins && forallb (forallb (fun v => v mod unit =? 0)) scaled) in
  need "not-positive" kept.

Theorem positive_correct m shifts packed : formed m -> positive m shifts packed = Ok tt ->
  forall x : nat -> R, (0 <= form (m_rows m) (value m) x)%R.
Admitted.

(** ** Evidence: more matrices, and lines of integers *)

Record evidence := { ev_matrices : list matrix_words; ev_items : list (list Z) }.

Definition hint (s : store) (e : evidence) (k : nat) : result matrix :=
  w <- get "no-such-matrix" (nth_error (ev_matrices e) k) ;; read_matrix s w.

(** A matrix of integers, row by row. *)
Definition integer_hint (s : store) (e : evidence) (k : nat) : result (list Z) :=
  w <- get "no-such-matrix" (nth_error (ev_matrices e) k) ;;
  x <- get "no-such-tensor" (nth_error s (mw_tensor w)) ;;
  _ <- need "hint" (match layout (t_type x) with None => mw_den w =? 1 | Some _ => false end) ;;
  m <- read_matrix s w ;;
  Ok (concat (m_cells m)).

(** Matrices [k] and [k + 1] are the shifts and the packed factor of rule *psd*. *)
Definition shown_positive (s : store) (e : evidence) (m : matrix) (k : nat) : result unit :=
  shifts <- integer_hint s e k ;;
  packed <- integer_hint s e (S k) ;;
  positive m shifts packed.

Lemma shown_positive_correct s e m k : formed m -> shown_positive s e m k = Ok tt ->
  forall x : nat -> R, (0 <= form (m_rows m) (value m) x)%R.
Proof. intros F H x. unfold shown_positive in H. ok H. exact (positive_correct _ _ _ F H x). Qed.
