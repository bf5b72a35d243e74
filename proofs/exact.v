(** Exact rational matrices: integers over one denominator, as the rules about matrices compute with them.

    [value] says what a matrix is; every operation is said in terms of it. Spec: statements.md#matrices. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Flocq Require Import Core.
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

(** ** Entries of lists of rows *)

Lemma cell_map (f : Z -> Z) (F : f 0 = 0) a i j : cell (map (map f) a) i j = f (cell a i j).
Proof.
  unfold cell. change (@nil Z) with (map f (@nil Z)) at 1. rewrite (map_nth (map f) a (@nil Z) i).
  rewrite <- F at 1. apply (map_nth f).
Qed.

Lemma cell_scaled k m i j : cell (scaled_cells k m) i j = k * cell (m_cells m) i j.
Proof.
  unfold scaled_cells. destruct (Z.eqb_spec k 1) as [-> | _]; [lia|]. apply cell_map. lia.
Qed.

Lemma cell_outside n c a i j : length a = n -> Forall (fun r => length r = c) a -> (n <= i \/ c <= j)%nat -> cell a i j = 0.
Proof.
  intros L F H. unfold cell. destruct (Nat.lt_ge_cases i n) as [I | I].
  - destruct H as [H | H]; [lia|]. rewrite Forall_forall in F. apply nth_overflow.
    rewrite (F (nth i a [])); [exact H|]. apply nth_In. lia.
  - rewrite (nth_overflow a) by lia. destruct j; reflexivity.
Qed.

Lemma nth_skipn' {A} (d : A) : forall n l i, nth i (skipn n l) d = nth (n + i) l d.
Proof. induction n as [|n IH]; intros [|x l] i; simpl; auto. destruct i; reflexivity. Qed.

Lemma nth_firstn' {A} (d : A) : forall n l i, (i < n)%nat -> nth i (firstn n l) d = nth i l d.
Proof. induction n as [|n IH]; intros [|x l] [|i] H; simpl; auto; try lia. apply IH. lia. Qed.

Lemma nth_map2 {A B C} (f : A -> B -> C) da db dc : forall a b i, (i < length a)%nat -> (i < length b)%nat ->
  nth i (map2 f a b) dc = f (nth i a da) (nth i b db).
Proof. induction a as [|x a IH]; intros [|y b] [|i]; simpl; intros; try lia; auto. apply IH; lia. Qed.

Lemma map2_length {A B C} (f : A -> B -> C) : forall a b, length a = length b -> length (map2 f a b) = length a.
Proof. induction a as [|x a IH]; intros [|y b]; simpl; intros H; try discriminate; auto. Qed.

Lemma chunks_cell n : forall k l i j, (i < k)%nat -> (j < n)%nat -> cell (chunks n k l) i j = nth (i * n + j) l 0.
Proof.
  induction k as [|k IH]; intros l i j I J; [lia|]. unfold cell in *. simpl. destruct i as [|i].
  - apply nth_firstn'. exact J.
  - rewrite IH by lia. rewrite nth_skipn'. f_equal. simpl. lia.
Qed.

Lemma chunks_formed n : forall k l, length l = (k * n)%nat ->
  length (chunks n k l) = k /\ Forall (fun r => length r = n) (chunks n k l).
Proof.
  induction k as [|k IH]; intros l L; simpl; [split; [reflexivity | constructor]|].
  destruct (IH (skipn n l)) as [A B]; [rewrite skipn_length; simpl in L; lia|].
  split; [lia|]. constructor; [|exact B]. rewrite firstn_length. simpl in L. lia.
Qed.

Lemma in_front_full n : forall x a, length x = length a -> Forall (fun r => length r = n) a ->
  length (in_front x a) = length a /\ Forall (fun r => length r = S n) (in_front x a).
Proof.
  induction x as [|k x IH]; intros [|r a] L F; simpl in *; try discriminate; [split; [reflexivity | constructor]|].
  inversion F; subst. destruct (IH a) as [A B]; [lia | assumption|]. split; [lia|]. constructor; [simpl; lia | exact B].
Qed.

Lemma in_front_nil : forall x, length (in_front x []) = length x /\ Forall (fun r => length r = 1%nat) (in_front x []).
Proof.
  induction x as [|k x [A B]]; simpl; [split; [reflexivity | constructor]|]. split; [lia|]. constructor; [reflexivity | exact B].
Qed.

Lemma transposed_formed c : forall a, (1 <= length a)%nat -> Forall (fun r => length r = c) a ->
  length (transposed a) = c /\ Forall (fun r => length r = length a) (transposed a).
Proof.
  induction a as [|r a IH]; intros L F; simpl in *; [lia|]. inversion F; subst. destruct a as [|r' a].
  - simpl. apply in_front_nil.
  - destruct IH as [A B]; [simpl; lia | assumption|].
    destruct (in_front_full (length (r' :: a)) r (transposed (r' :: a))) as [C D]; [congruence | exact B |].
    split; [rewrite C; exact A | exact D].
Qed.

Lemma add_rows_formed n : forall a b, length a = length b -> Forall (fun r => length r = n) a ->
  Forall (fun r => length r = n) b -> length (add_rows a b) = length a /\ Forall (fun r => length r = n) (add_rows a b).
Proof.
  assert (L : forall x y, length x = length y -> length (addl x y) = length x).
  { induction x as [|k x IH]; intros [|l y]; simpl; intros H; try discriminate; auto. }
  induction a as [|x a IH]; intros [|y b] H F G; simpl in *; try discriminate; [split; [reflexivity | constructor]|].
  inversion F; inversion G; subst. destruct (IH b) as [A B]; [lia | assumption | assumption|].
  split; [lia|]. constructor; [rewrite L; congruence | exact B].
Qed.

Lemma scaled_formed k m : length (scaled_cells k m) = length (m_cells m) /\
  (forall n, Forall (fun r => length r = n) (m_cells m) -> Forall (fun r => length r = n) (scaled_cells k m)).
Proof.
  unfold scaled_cells. destruct (k =? 1); [split; auto|]. split; [apply map_length|].
  intros n F. rewrite Forall_map. eapply Forall_impl; [|exact F]. intros r H. rewrite map_length. exact H.
Qed.

Lemma mapped_formed (f : Z -> Z) n a : Forall (fun r => length r = n) a -> Forall (fun r : list Z => length r = n) (map (map f) a).
Proof. intros F. rewrite Forall_map. eapply Forall_impl; [|exact F]. intros r H. rewrite map_length. exact H. Qed.

Lemma unit_rows_cell n k : forall rows i r c, (r < rows)%nat -> (i + rows <= n)%nat -> (c < n)%nat ->
  cell (unit_rows n i rows k) r c = if Nat.eqb (i + r) c then k else 0.
Proof.
  induction rows as [|rows IH]; intros i r c R I C; [lia|]. unfold cell in *. cbn [unit_rows]. destruct r as [|r].
  - cbn [nth]. rewrite Nat.add_0_r. destruct (Nat.eqb_spec i c) as [-> | N].
    + rewrite app_nth2; rewrite repeat_length; [|lia]. rewrite Nat.sub_diag. reflexivity.
    + destruct (Nat.lt_ge_cases c i).
      * rewrite app_nth1 by (rewrite repeat_length; lia). rewrite nth_repeat. reflexivity.
      * rewrite app_nth2 by (rewrite repeat_length; lia). rewrite repeat_length.
        destruct (c - i)%nat eqn:E; [lia|]. cbn [nth]. apply nth_repeat.
  - cbn [nth]. rewrite IH by lia. replace (S i + r)%nat with (i + S r)%nat by lia. reflexivity.
Qed.

Lemma unit_rows_formed n k : forall rows i, (i + rows <= n)%nat ->
  length (unit_rows n i rows k) = rows /\ Forall (fun r => length r = n) (unit_rows n i rows k).
Proof.
  induction rows as [|rows IH]; intros i I; cbn [unit_rows]; [split; [reflexivity | constructor]|].
  destruct (IH (S i)) as [A B]; [lia|]. split; [cbn [length]; lia|]. constructor; [|exact B].
  rewrite app_length. cbn [length]. rewrite !repeat_length. lia.
Qed.

Lemma repeat_formed {A} (P : A -> Prop) x n : P x -> Forall P (repeat x n).
Proof. intros H. induction n; simpl; constructor; auto. Qed.

Lemma map2_rows_formed (f : Z -> Z -> Z) n : forall a b, length a = length b -> Forall (fun r : list Z => length r = n) a ->
  Forall (fun r : list Z => length r = n) b ->
  length (map2 (map2 f) a b) = length a /\ Forall (fun r : list Z => length r = n) (map2 (map2 f) a b).
Proof.
  induction a as [|x a IH]; intros [|y b] H F G; simpl in *; try discriminate; [split; [reflexivity | constructor]|].
  inversion F; inversion G; subst. destruct (IH b) as [A B]; [lia | assumption | assumption|].
  split; [lia|]. constructor; [rewrite map2_length; congruence | exact B].
Qed.

(** ** What they do *)

Open Scope R_scope.

(** sum_(i < n) f i *)
Fixpoint sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S m => sum m f + f m end.

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

Lemma sum_shift n f : sum (S n) f = f 0%nat + sum n (fun i => f (S i)).
Proof. induction n as [|n IH]; [simpl; lra|]. change (sum (S (S n)) f) with (sum (S n) f + f (S n)). rewrite IH. simpl. lra. Qed.

Lemma zdot_sum : forall n a b, (length a <= n)%nat -> IZR (zdot a b) = sum n (fun k => IZR (nth k a 0%Z) * IZR (nth k b 0%Z)).
Proof.
  induction n as [|n IH]; intros a b L.
  - destruct a; [reflexivity | simpl in L; lia].
  - rewrite sum_shift. destruct a as [|x a].
    + rewrite (sum_ext n _ (fun _ => 0)), sum_zero by (intros i _; simpl; lra). simpl. lra.
    + destruct b as [|y b].
      * rewrite (sum_ext n _ (fun _ => 0)), sum_zero by (intros i _; simpl; lra). simpl. lra.
      * cbn [zdot nth]. rewrite plus_IZR, mult_IZR, (IH a b) by (simpl in L; lia). reflexivity.
Qed.


(** What is read is what is there. *)
Lemma least_exponent_below : forall ds p, In p ds -> fst p <> 0%Z -> (least_exponent ds <= snd p)%Z.
Proof.
  unfold least_exponent.
  set (f := fun (low : option Z) (p : dyadic) => if (fst p =? 0)%Z then low
            else match low with None => Some (snd p) | Some e => Some (Z.min e (snd p)) end).
  assert (G : forall ds o, match fold_left f ds o with
              | Some e => (match o with Some e0 => (e <= e0)%Z | None => True end) /\
                          (forall p, In p ds -> fst p <> 0%Z -> (e <= snd p)%Z)
              | None => o = None /\ forall p, In p ds -> fst p = 0%Z end).
  { induction ds as [|q ds IH]; intros o; simpl.
    - destruct o; [split; [lia | intros p []] | split; [reflexivity | intros p []]].
    - specialize (IH (f o q)). destruct (fold_left f ds (f o q)) as [e|].
      + destruct IH as [A B]. unfold f in A. destruct (Z.eqb_spec (fst q) 0) as [E | N].
        * split; [exact A|]. intros p [<- | I] H; [contradiction | apply B; assumption].
        * destruct o as [e0|]; (split; [try lia; exact I|]); intros p [<- | I] H; try lia; apply B; assumption.
      + destruct IH as [A B]. unfold f in A. destruct (Z.eqb_spec (fst q) 0) as [E | N].
        * split; [exact A|]. intros p [<- | I]; [exact E | apply B; assumption].
        * destruct o; discriminate. }
  intros ds p I N. specialize (G ds None).
  change (match fold_left f ds None with Some e => e | None => 0%Z end <= snd p)%Z.
  destruct (fold_left f ds None) as [e|].
  - apply G; assumption.
  - destruct G as [_ G]. specialize (G p I). contradiction.
Qed.

Lemma exact_numbers_correct x l e : exact_numbers x = Some (l, e) ->
  length l = t_count x /\ numbers x = map (fun v => IZR v * pow2 e) l.
Proof.
  unfold exact_numbers, numbers. destruct (layout (t_type x)) eqn:T.
  - destruct (dyadics x) as [ds|] eqn:D; [|discriminate]. intros H; injection H as <- <-.
    split; [rewrite map_length; apply dyadics_length, D|].
    rewrite <- (dyadics_correct x ds D), map_map. apply map_ext_in. intros q I. unfold dyadic_value.
    destruct (Z.eqb_spec (fst q) 0) as [E | N]; [rewrite E; lra|].
    assert (B := least_exponent_below ds q I N). rewrite shiftl_IZR by lia. rewrite Rmult_assoc. f_equal.
    rewrite <- bpow_plus. f_equal. lia.
  - destruct (integers x) as [k|] eqn:D; [|discriminate]. intros H; injection H as <- <-.
    split; [apply integers_length, D|]. unfold integers in D. rewrite T in D. destruct (size_ok x); [|discriminate].
    injection D as <-. rewrite map_map. apply map_ext. intros w. simpl. lra.
Qed.

Theorem read_matrix_correct s w m : read_matrix s w = Ok m ->
  formed m /\ m_rows m = mw_rows w /\ m_columns m = mw_columns w /\
  forall i j, (i < m_rows m)%nat -> (j < m_columns m)%nat -> value m i j = meaning s w i j.
Proof.
  intros H. unfold read_matrix in H.
  apply bind_ok in H. destruct H as (x & Hx & H). apply get_ok in Hx.
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1.
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2.
  apply bind_ok in H. destruct H as ([l e] & Hp & H). apply get_ok in Hp.
  destruct (exact_numbers_correct x l e Hp) as [Hl Hn].
  apply andb_prop in H2. destruct H2 as [H2 H4]. apply andb_prop in H2. destruct H2 as [H2 H3].
  apply Z.leb_le in H1. apply Nat.leb_le in H2, H3. apply Nat.eqb_eq in H4.
  injection H as <-. cbn [m_rows m_columns].
  set (k := Z.shiftl (mw_num w) (Z.max e 0)). set (d := Z.shiftl (mw_den w) (Z.max (- e) 0)).
  assert (Kv : IZR k = IZR (mw_num w) * pow2 (Z.max e 0)) by (apply shiftl_IZR; lia).
  assert (Dv : IZR d = IZR (mw_den w) * pow2 (Z.max (- e) 0)) by (apply shiftl_IZR; lia).
  assert (Dp : 0 < IZR (mw_den w)) by (apply IZR_lt; lia).
  assert (D0 : 0 < IZR d) by (rewrite Dv; apply Rmult_lt_0_compat; [exact Dp | apply bpow_gt_0]).
  assert (D1 : (0 < d)%Z) by (apply lt_IZR; exact D0).
  assert (Len : length (map (fun v => (v * k)%Z) l) = (mw_rows w * mw_columns w)%nat) by (rewrite map_length; lia).
  destruct (chunks_formed (mw_columns w) (mw_rows w) _ Len) as [A B].
  repeat split; cbn [m_rows m_columns m_den m_cells]; auto.
  intros i j I J. unfold value. cbn [m_den m_cells]. rewrite chunks_cell by assumption.
  unfold meaning. rewrite Hx, Hn.
  assert (E1 : nth (i * mw_columns w + j) (map (fun v => (v * k)%Z) l) 0%Z = (nth (i * mw_columns w + j) l 0 * k)%Z).
  { replace 0%Z with (0 * k)%Z at 1 by lia. apply (map_nth (fun v => (v * k)%Z)). }
  assert (E2 : nth (i * mw_columns w + j) (map (fun v => IZR v * pow2 e) l) 0 = IZR (nth (i * mw_columns w + j) l 0%Z) * pow2 e).
  { replace 0 with (IZR 0 * pow2 e) at 1 by (simpl; lra). apply (map_nth (fun v => IZR v * pow2 e)). }
  rewrite E1, E2, mult_IZR, Kv, Dv. set (v := IZR (nth (i * mw_columns w + j) l 0%Z)).
  assert (P : pow2 (Z.max e 0) = pow2 e * pow2 (Z.max (- e) 0)) by (rewrite <- bpow_plus; f_equal; lia).
  assert (Q := bpow_gt_0 radix2 (Z.max (- e) 0)). rewrite P. field. split; lra.
Qed.

Lemma value_outside m i j : formed m -> (m_rows m <= i \/ m_columns m <= j)%nat -> value m i j = 0.
Proof.
  intros (D & R1 & C1 & L & W) H. unfold value. rewrite (cell_outside _ _ _ _ _ L W H). unfold Rdiv. lra.
Qed.

Lemma value_times num den m i j : formed m -> (0 < den)%Z -> value (m_times num den m) i j = IZR num / IZR den * value m i j.
Proof.
  intros (D & _) P. unfold value, m_times. cbn [m_cells m_den]. rewrite cell_map by lia. rewrite !mult_IZR.
  field. split; apply not_0_IZR; lia.
Qed.

Lemma value_opp m i j : value (m_opp m) i j = - value m i j.
Proof.
  unfold value, m_opp. cbn [m_cells m_den]. rewrite (cell_map Z.opp) by lia. rewrite opp_IZR. unfold Rdiv. lra.
Qed.

Lemma value_add a b i j : formed a -> formed b -> value (m_add a b) i j = value a i j + value b i j.
Proof.
  intros (D & _) (D' & _). unfold value, m_add. destruct (Z.eqb_spec (m_den a) (m_den b)) as [E | N]; cbn [m_cells m_den].
  - rewrite cell_add_rows, plus_IZR, E. unfold Rdiv. lra.
  - rewrite cell_add_rows, plus_IZR, !cell_scaled, !mult_IZR. field. split; apply not_0_IZR; lia.
Qed.

Lemma value_sub a b i j : formed a -> formed b -> value (m_sub a b) i j = value a i j - value b i j.
Proof.
  intros A B. unfold m_sub. rewrite value_add, value_opp; [lra | exact A |].
  destruct B as (D & R1 & C1 & L & W). repeat split; cbn [m_opp m_den m_rows m_columns m_cells]; auto;
    [rewrite map_length; exact L | apply mapped_formed, W].
Qed.

Lemma value_transpose m i j : value (m_transpose m) i j = value m j i.
Proof. unfold value, m_transpose. cbn [m_cells m_den]. rewrite cell_transposed. reflexivity. Qed.

Lemma value_mul a b i j : formed a -> formed b -> m_columns a = m_rows b ->
  value (m_mul a b) i j = sum (m_columns a) (fun k => value a i k * value b k j).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E.
  unfold value at 1, m_mul. cbn [m_cells m_den].
  destruct (Nat.lt_ge_cases i (length (m_cells a))) as [I | I].
  - unfold cell at 1. set (f := fun r => map (zdot r) (transposed (m_cells b))).
    rewrite (nth_indep _ [] (f [])) by (rewrite map_length; exact I).
    rewrite (map_nth f). unfold f. rewrite nth_products.
    rewrite (zdot_sum (m_columns a)).
    2: { rewrite Forall_forall in W. rewrite (W (nth i (m_cells a) [])); [lia | apply nth_In; exact I]. }
    rewrite mult_IZR. unfold Rdiv. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros k _. unfold value.
    assert (C : nth k (nth j (transposed (m_cells b)) []) 0%Z = cell (m_cells b) k j) by (rewrite <- cell_transposed; reflexivity).
    rewrite C. change (nth k (nth i (m_cells a) []) 0%Z) with (cell (m_cells a) i k). field.
    split; apply not_0_IZR; lia.
  - unfold cell at 1. rewrite nth_overflow with (n := i) by (rewrite map_length; exact I).
    rewrite (sum_ext _ _ (fun _ => 0)), sum_zero; [destruct j; simpl; unfold Rdiv; lra|].
    intros k _. unfold value. rewrite (cell_outside _ _ (m_cells a) i k L W) by lia. unfold Rdiv. lra.
Qed.

Lemma value_identity n i j : (i < n)%nat -> value (m_identity n) i j = if Nat.eqb i j then 1 else 0.
Proof.
  intros I. unfold value, m_identity. cbn [m_cells m_den].
  destruct (unit_rows_formed n 1 n 0) as [L W]; [lia|].
  destruct (Nat.lt_ge_cases j n) as [J | J].
  - rewrite unit_rows_cell by lia. simpl. destruct (Nat.eqb i j); unfold Rdiv; lra.
  - rewrite (cell_outside _ _ _ _ _ L W) by lia. destruct (Nat.eqb_spec i j); [lia|]. unfold Rdiv. lra.
Qed.

Lemma value_zero r c i j : value (m_zero r c) i j = 0.
Proof.
  unfold value, m_zero, cell. cbn [m_cells m_den].
  assert (E : nth j (nth i (repeat (repeat 0%Z c) r) []) 0%Z = 0%Z).
  { destruct (Nat.lt_ge_cases i r) as [I | I].
    - rewrite (nth_indep _ [] (repeat 0%Z c)) by (rewrite repeat_length; exact I). rewrite nth_repeat. apply nth_repeat.
    - rewrite nth_overflow with (n := i) by (rewrite repeat_length; exact I). destruct j; reflexivity. }
  rewrite E. unfold Rdiv. lra.
Qed.

Lemma value_each a b i j : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b ->
  value (m_each a b) i j = value a i j * value b i j.
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E E'. unfold value, m_each. cbn [m_cells m_den].
  destruct (map2_rows_formed Z.mul (m_columns a) (m_cells a) (m_cells b)) as [LL WW];
    [congruence | exact W | rewrite E'; exact W' |].
  destruct (Nat.lt_ge_cases i (m_rows a)) as [I | I]; [destruct (Nat.lt_ge_cases j (m_columns a)) as [J | J]|].
  - unfold cell at 1. rewrite (nth_map2 _ [] []) by lia. rewrite Forall_forall in W, W'.
    rewrite (nth_map2 _ 0%Z 0%Z); [|rewrite W; [exact J | apply nth_In; lia]|rewrite W'; [lia | apply nth_In; lia]].
    unfold cell. rewrite !mult_IZR. field. split; apply not_0_IZR; lia.
  - rewrite (cell_outside _ _ _ _ _ LL WW), (cell_outside _ _ _ i j L W) by lia. unfold Rdiv. lra.
  - rewrite (cell_outside _ _ _ _ _ LL WW), (cell_outside _ _ _ i j L W) by lia. unfold Rdiv. lra.
Qed.

Lemma value_above a b i j : formed a -> formed b -> m_columns a = m_columns b ->
  value (m_above a b) i j = if Nat.ltb i (m_rows a) then value a i j else value b (i - m_rows a) j.
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E.
  assert (G : forall x y, length x = m_rows a -> cell (x ++ y) i j = if Nat.ltb i (m_rows a) then cell x i j else cell y (i - m_rows a) j).
  { intros x y H. unfold cell. destruct (Nat.ltb_spec i (m_rows a)).
    - rewrite app_nth1 by lia. reflexivity.
    - rewrite app_nth2 by lia. rewrite H. reflexivity. }
  unfold value, m_above. destruct (Z.eqb_spec (m_den a) (m_den b)) as [Ed | N]; cbn [m_cells m_den].
  - rewrite G by exact L. destruct (Nat.ltb i (m_rows a)); [reflexivity | rewrite Ed; reflexivity].
  - rewrite G by (rewrite (proj1 (scaled_formed _ _)); exact L).
    destruct (Nat.ltb i (m_rows a)); rewrite cell_scaled, !mult_IZR; field; split; apply not_0_IZR; lia.
Qed.

Lemma value_beside a b i j : formed a -> formed b -> m_rows a = m_rows b ->
  value (m_beside a b) i j = if Nat.ltb j (m_columns a) then value a i j else value b i (j - m_columns a).
Proof.
  intros A B E. unfold m_beside. rewrite value_transpose.
  assert (TF : forall m, formed m -> formed (m_transpose m)).
  { intros m (D & R1 & C1 & L & W). destruct (transposed_formed (m_columns m) (m_cells m)) as [X Y]; [lia | exact W |].
    repeat split; cbn [m_transpose m_den m_rows m_columns m_cells]; auto. rewrite <- L. exact Y. }
  rewrite value_above; [|apply TF; exact A|apply TF; exact B|exact E].
  cbn [m_transpose m_rows]. destruct (Nat.ltb j (m_columns a)); apply value_transpose.
Qed.

Lemma formed_times num den m : formed m -> (0 < den)%Z -> formed (m_times num den m).
Proof.
  intros (D & R1 & C1 & L & W) P. repeat split; cbn [m_times m_den m_rows m_columns m_cells]; auto; [lia | |].
  - rewrite map_length. exact L.
  - apply mapped_formed, W.
Qed.
Lemma formed_opp m : formed m -> formed (m_opp m).
Proof.
  intros (D & R1 & C1 & L & W). repeat split; cbn [m_opp m_den m_rows m_columns m_cells]; auto;
    [rewrite map_length; exact L | apply mapped_formed, W].
Qed.
Lemma formed_add a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_add a b).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E E'. unfold m_add. destruct (m_den a =? m_den b)%Z.
  - destruct (add_rows_formed (m_columns a) (m_cells a) (m_cells b)) as [X Y]; [congruence | exact W | rewrite E'; exact W' |].
    repeat split; cbn [m_den m_rows m_columns m_cells]; auto. congruence.
  - destruct (scaled_formed (m_den b) a) as [A B], (scaled_formed (m_den a) b) as [A' B'].
    destruct (add_rows_formed (m_columns a) (scaled_cells (m_den b) a) (scaled_cells (m_den a) b)) as [X Y];
      [congruence | apply B, W | rewrite E'; apply B', W' |].
    repeat split; cbn [m_den m_rows m_columns m_cells]; auto; [lia | congruence].
Qed.
Lemma formed_sub a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_sub a b).
Proof. intros A B E E'. apply formed_add; [exact A | apply formed_opp, B | exact E | exact E']. Qed.
Lemma formed_transpose m : formed m -> formed (m_transpose m).
Proof.
  intros (D & R1 & C1 & L & W). destruct (transposed_formed (m_columns m) (m_cells m)) as [X Y]; [lia | exact W |].
  repeat split; cbn [m_transpose m_den m_rows m_columns m_cells]; auto. rewrite <- L. exact Y.
Qed.
Lemma formed_mul a b : formed a -> formed b -> formed (m_mul a b).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W').
  destruct (transposed_formed (m_columns b) (m_cells b)) as [X Y]; [lia | exact W' |].
  repeat split; cbn [m_mul m_den m_rows m_columns m_cells]; auto; [lia | rewrite map_length; exact L |].
  rewrite Forall_map. apply Forall_forall. intros r _. rewrite map_length. exact X.
Qed.
Lemma formed_identity n : (1 <= n)%nat -> formed (m_identity n).
Proof.
  intros H. destruct (unit_rows_formed n 1 n 0) as [L W]; [lia|].
  repeat split; cbn [m_identity m_den m_rows m_columns m_cells]; auto; try lia.
Qed.
Lemma formed_zero r c : (1 <= r)%nat -> (1 <= c)%nat -> formed (m_zero r c).
Proof.
  intros H H'. repeat split; cbn [m_zero m_den m_rows m_columns m_cells]; auto; try lia; try apply repeat_length.
  apply repeat_formed, repeat_length.
Qed.
Lemma formed_each a b : formed a -> formed b -> m_rows a = m_rows b -> m_columns a = m_columns b -> formed (m_each a b).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E E'.
  destruct (map2_rows_formed Z.mul (m_columns a) (m_cells a) (m_cells b)) as [X Y];
    [congruence | exact W | rewrite E'; exact W' |].
  repeat split; cbn [m_each m_den m_rows m_columns m_cells]; auto; [lia | congruence].
Qed.
Lemma formed_above a b : formed a -> formed b -> m_columns a = m_columns b -> formed (m_above a b).
Proof.
  intros (D & R1 & C1 & L & W) (D' & R2 & C2 & L' & W') E. unfold m_above. destruct (m_den a =? m_den b)%Z.
  - repeat split; cbn [m_den m_rows m_columns m_cells]; auto; [lia | rewrite app_length; lia |].
    apply Forall_app. split; [exact W | rewrite E; exact W'].
  - destruct (scaled_formed (m_den b) a) as [A B], (scaled_formed (m_den a) b) as [A' B'].
    repeat split; cbn [m_den m_rows m_columns m_cells]; auto; [lia | lia | rewrite app_length; lia |].
    apply Forall_app. split; [apply B, W | rewrite E; apply B', W'].
Qed.
Lemma formed_beside a b : formed a -> formed b -> m_rows a = m_rows b -> formed (m_beside a b).
Proof.
  intros A B E. unfold m_beside. apply formed_transpose, formed_above; [apply formed_transpose, A | apply formed_transpose, B | exact E].
Qed.

(** x' V y for an (n, n) V. *)
Definition form (n : nat) (v : nat -> nat -> R) (x : nat -> R) : R :=
  sum n (fun i => sum n (fun j => v i j * x i * x j)).

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

Open Scope R_scope.

(** Lists of functions' values. *)
Lemma dot_sum y : forall n off r, dot r (map y (seq off n)) = sum n (fun j => IZR (nth j r 0%Z) * y (off + j)%nat).
Proof.
  induction n as [|n IH]; intros off r; [destruct r; unfold dot; simpl; reflexivity|].
  rewrite sum_shift. cbn [seq map]. destruct r as [|a r].
  - rewrite (sum_ext n _ (fun _ => 0)), sum_zero by (intros i _; destruct i; simpl; lra). unfold dot. simpl. lra.
  - rewrite dot_cons, IH, Nat.add_0_r. cbn [nth]. f_equal. apply sum_ext. intros j _. f_equal. f_equal. lia.
Qed.

Lemma bilinear_sum y z : forall n off a, bilinear a (map y (seq off n)) z = sum n (fun i => y (off + i)%nat * dot (nth i a []) z).
Proof.
  induction n as [|n IH]; intros off a; [destruct a; reflexivity|].
  rewrite sum_shift. cbn [seq map]. destruct a as [|r a].
  - rewrite (sum_ext n _ (fun _ => 0)), sum_zero by (intros i _; destruct i; unfold dot; simpl; lra).
    cbn [bilinear nth]. unfold dot. simpl. lra.
  - cbn [bilinear nth]. rewrite IH, Nat.add_0_r. f_equal. apply sum_ext. intros j _. f_equal. f_equal. lia.
Qed.

Lemma bilinear_form n a y : bilinear a (map y (seq 0 n)) (map y (seq 0 n)) = form n (fun i j => IZR (cell a i j)) y.
Proof.
  rewrite bilinear_sum. unfold form. apply sum_ext. intros i _. rewrite dot_sum. rewrite <- sum_scale.
  apply sum_ext. intros j _. unfold cell. simpl. ring.
Qed.

Lemma margins_length : forall rows i, length (psd.margins i rows) = length rows.
Proof. induction rows as [|r rows IH]; intros i; simpl; auto. Qed.

Lemma remainder_length factor : forall rows form, length rows = length form -> length (psd.remainder factor rows form) = length form.
Proof. induction rows as [|l rows IH]; intros [|f form] H; simpl in *; try discriminate; auto. Qed.

Lemma triangle_length : forall rows i packed, length (triangle i rows packed) = rows.
Proof. induction rows as [|n IH]; intros i packed; simpl; auto. Qed.

Lemma weighted_least c : forall ms y off, Forall (fun m => (c <= m)%Z) ms ->
  IZR c * sum (length ms) (fun i => y (off + i)%nat * y (off + i)%nat) <= psd.weighted ms (map y (seq off (length ms))).
Proof.
  induction ms as [|m ms IH]; intros y off F; [simpl; lra|].
  inversion F as [|m' ms' H1 H2]; subst. specialize (IH y (S off) H2). cbn [length]. rewrite sum_shift. cbn [seq map psd.weighted].
  rewrite Nat.add_0_r.
  assert (E : sum (length ms) (fun i => y (off + S i)%nat * y (off + S i)%nat) = sum (length ms) (fun i => y (S off + i)%nat * y (S off + i)%nat)).
  { apply sum_ext. intros i _. replace (off + S i)%nat with (S off + i)%nat by lia. reflexivity. }
  rewrite E. apply IZR_le in H1. assert (S0 : 0 <= y off * y off) by apply Rle_0_sqr.
  assert (y off * y off * IZR c <= y off * y off * IZR m) by (apply Rmult_le_compat_l; assumption). lra.
Qed.

(** Entries that are not known better than to be in [0, 1): the diagonal only helps. *)
Lemma unknown_entries n (delta : nat -> nat -> R) y : (forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= delta i j <= 1) ->
  - (INR n - 1) * sum n (fun i => y i * y i) <= form n delta y.
Proof.
  intros D. unfold form.
  set (q := sum n (fun i => y i * y i)).
  apply Rle_trans with (sum n (fun i => sum n (fun j => (if Nat.eqb i j then y i * y i else 0) - (y i * y i + y j * y j) / 2))).
  - right. rewrite (sum_ext n _ (fun i => y i * y i - (INR n * (y i * y i) + q) / 2)).
    + rewrite (sum_ext n _ (fun i => (1 - INR n / 2) * (y i * y i) + - (q / 2))) by (intros i _; lra).
      rewrite sum_add, sum_scale. fold q.
      assert (C : forall c, sum n (fun _ => c) = INR n * c).
      { intros c. clear. induction n as [|m IH]; [simpl; lra|]. cbn [sum]. rewrite IH, S_INR. lra. }
      rewrite C. lra.
    + intros i Hi.
      rewrite (sum_ext n _ (fun j => (if Nat.eqb i j then y j * y j else 0) + (- (1 / 2) * (y j * y j) + - (1 / 2) * (y i * y i)))).
      * rewrite !sum_add, sum_delta by exact Hi. rewrite sum_scale. fold q.
        assert (C : forall c, sum n (fun _ => c) = INR n * c).
        { intros c. clear. induction n as [|m IH]; [simpl; lra|]. cbn [sum]. rewrite IH, S_INR. lra. }
        rewrite C. lra.
      * intros j _. destruct (Nat.eqb_spec i j) as [-> | _]; lra.
  - apply sum_le. intros i Hi. apply sum_le. intros j Hj. destruct (D i j Hi Hj) as [D0 D1].
    destruct (Nat.eqb_spec i j) as [-> | _].
    + assert (0 <= y j * y j) by apply Rle_0_sqr.
      assert (0 <= delta j j * (y j * y j)) by (apply Rmult_le_pos; assumption). lra.
    + pose proof (Rle_0_sqr (y i + y j)) as P. unfold Rsqr in P.
      pose proof (Rle_0_sqr (y i)) as P1. pose proof (Rle_0_sqr (y j)) as P2. unfold Rsqr in P1, P2.
      destruct (Rle_lt_dec 0 (y i * y j)) as [S | S].
      * assert (0 <= delta i j * (y i * y j)) by (apply Rmult_le_pos; assumption). lra.
      * assert (0 <= (1 - delta i j) * (- (y i * y j))) by (apply Rmult_le_pos; lra). lra.
Qed.

Lemma rows_equal_ok : forall a b, rows_equal a b = true -> a = b.
Proof.
  assert (G : forall x y : list Z, length x = length y -> forallb (fun p => fst p =? snd p)%Z (combine x y) = true -> x = y).
  { induction x as [|k x IH]; intros [|l y] L H; simpl in *; try discriminate; auto.
    apply andb_prop in H. destruct H as [E H]. apply Z.eqb_eq in E. subst. f_equal. apply IH; [lia | exact H]. }
  induction a as [|x a IH]; intros [|y b] H; simpl in *; try discriminate; auto.
  apply andb_prop in H. destruct H as [H1 H2]. apply andb_prop in H1. destruct H1 as [L E].
  apply Nat.eqb_eq in L. f_equal; [apply G; assumption | apply IH; exact H2].
Qed.

Lemma congruent_cell powers a n i j : length powers = n -> length a = n -> Forall (fun r => length r = n) a ->
  cell (congruent powers a) i j = (nth i powers 0 * cell a i j * nth j powers 0)%Z.
Proof.
  intros P L F.
  assert (W : length (congruent powers a) = n /\ Forall (fun r => length r = n) (congruent powers a)).
  { unfold congruent. split; [rewrite map2_length; lia|].
    clear i j. revert a L F. assert (Q : forall ps a, length ps = length a -> Forall (fun r => length r = n) a ->
      Forall (fun r => length r = n) (map2 (fun p r => map2 (fun q v => (p * v * q)%Z) powers r) ps a)).
    { induction ps as [|p ps IH]; intros [|r a] E F; simpl in *; try discriminate; constructor.
      - inversion F; subst. rewrite map2_length; lia.
      - inversion F; subst. apply IH; [lia | assumption]. }
    intros a L F. apply Q; [lia | exact F]. }
  destruct W as [W1 W2].
  destruct (Nat.lt_ge_cases i n) as [I | I]; [destruct (Nat.lt_ge_cases j n) as [J | J]|].
  - unfold cell at 1, congruent. rewrite (nth_map2 _ 0%Z []) by lia.
    rewrite (nth_map2 _ 0%Z 0%Z); [reflexivity | lia |].
    rewrite Forall_forall in F. rewrite (F (nth i a [])); [exact J | apply nth_In; lia].
  - rewrite (cell_outside n n _ i j W1 W2), (cell_outside n n a i j L F) by lia. lia.
  - rewrite (cell_outside n n _ i j W1 W2), (cell_outside n n a i j L F) by lia. lia.
Qed.

Open Scope Z_scope.
Theorem positive_correct m shifts packed : formed m -> positive m shifts packed = Ok tt ->
  forall x : nat -> R, (0 <= form (m_rows m) (value m) x)%R.
Proof.
  intros (D & R1 & C1 & L & W) H x. unfold positive in H.
  set (n := m_rows m) in *.
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1.
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2.
  apply bind_ok in H. destruct H as (u3 & _ & H).
  apply need_ok in H.
  apply andb_prop in H1. destruct H1 as [H1 Hs]. apply Nat.eqb_eq in H1. apply rows_equal_ok in Hs.
  apply andb_prop in H2. destruct H2 as [H2 _]. apply Nat.eqb_eq in H2.
  set (low := fold_right Z.min (hd 0 shifts) shifts) in *.
  assert (Low : forall k, In k shifts -> low <= k).
  { unfold low. generalize (hd 0 shifts). clear. induction shifts as [|k0 ks IH]; intros h k I; [destruct I|].
    cbn [fold_right]. destruct I as [<- | I]; [lia | specialize (IH h k I); lia]. }
  set (powers := map (fun k => Z.shiftl 1 (k - low)) shifts) in *.
  set (up := Z.max (2 * low) 0) in *. set (unit := Z.shiftl (m_den m) (Z.max (-2 * low) 0)) in *.
  set (scaled := map (map (fun v => Z.shiftl v up)) (congruent powers (m_cells m))) in *.
  set (whole := map (map (fun v => v / unit)) scaled) in *.
  set (l := triangle 0 n packed) in *. set (rest := psd.remainder l l whole) in *.
  assert (LP : length powers = n) by (unfold powers; rewrite map_length; exact H2).
  assert (WN : Forall (fun r => length r = n) (m_cells m)) by (rewrite <- H1; exact W).
  assert (U : 0 < unit).
  { unfold unit. rewrite Z.shiftl_mul_pow2 by lia. apply Z.mul_pos_pos; [exact D | apply Z.pow_pos_nonneg; lia]. }
  assert (U0 : unit <> 0) by lia.
  assert (UP : 0 < 2 ^ up) by (apply Z.pow_pos_nonneg; unfold up; lia).
  set (p := fun i => nth i powers 0).
  assert (Pp : forall i, (i < n)%nat -> 0 < p i).
  { intros i I. unfold p, powers. rewrite (nth_indep _ 0 (Z.shiftl 1 (low - low))) by (rewrite map_length; lia).
    rewrite (map_nth (fun k => Z.shiftl 1 (k - low))). rewrite Z.shiftl_1_l. apply Z.pow_pos_nonneg; [lia|].
    assert (In (nth i shifts low) shifts) as B by (apply nth_In; lia). apply Low in B. lia. }
  assert (Sym : forall i j, cell (m_cells m) i j = cell (m_cells m) j i).
  { intros i j. rewrite Hs at 1. apply cell_transposed. }
  assert (Sc : forall i j, cell scaled i j = p i * cell (m_cells m) i j * p j * 2 ^ up).
  { intros i j. unfold scaled. rewrite cell_map by apply Z.shiftl_0_l.
    rewrite (congruent_cell powers (m_cells m) n i j LP L WN). rewrite Z.shiftl_mul_pow2 by (unfold up; lia). reflexivity. }
  assert (Wh : forall i j, cell whole i j = cell scaled i j / unit).
  { intros i j. unfold whole. apply cell_map. apply Z.div_0_l. lia. }
  assert (SymW : symmetric whole).
  { intros i j. rewrite !Wh, !Sc, (Sym i j). f_equal. ring. }
  assert (Lw : length whole = n).
  { unfold whole, scaled, congruent. rewrite !map_length, map2_length; lia. }
  assert (Lr : length rest = n).
  { unfold rest. rewrite remainder_length; [exact Lw|]. unfold l. rewrite triangle_length. symmetry. exact Lw. }
  set (y := fun i => (x i / IZR (p i))%R).
  set (z := map y (seq 0 n)).
  set (S := fun i j => (IZR (cell scaled i j) / IZR unit)%R).
  assert (PR : forall i, (i < n)%nat -> (0 < IZR (p i))%R) by (intros i I; apply IZR_lt, Pp, I).
  assert (UR : (0 < IZR unit)%R) by (apply IZR_lt; exact U).
  assert (DR : (0 < IZR (m_den m))%R) by (apply IZR_lt; exact D).
  (* The form is a positive multiple of that of S. *)
  assert (K : exists k, (0 < k)%R /\ form n (value m) x = (k * form n S y)%R).
  { exists (IZR unit / (IZR (2 ^ up) * IZR (m_den m)))%R. split.
    - apply Rdiv_lt_0_compat; [exact UR | apply Rmult_lt_0_compat; [apply IZR_lt; exact UP | exact DR]].
    - unfold form. rewrite <- sum_scale. apply sum_ext. intros i I. rewrite <- sum_scale. apply sum_ext. intros j J.
      unfold S, value, y. rewrite Sc, !mult_IZR. assert (A := PR i I). assert (B := PR j J).
      assert (Q : (0 < IZR (2 ^ up))%R) by (apply IZR_lt; exact UP). field. repeat split; lra. }
  destruct K as (k & Kp & ->). apply Rmult_le_pos; [lra|].
  (* What the factor leaves. *)
  assert (A : (bilinear rest z z <= bilinear whole z z)%R).
  { unfold rest. rewrite bilinear_remainder. pose proof (dotR_square (combined l z)). lra. }
  assert (B := bilinear_above (off_diagonal 0 rest) z (sizes_symmetric _ (remainder_symmetric _ _ SymW))).
  assert (C := margins_below z rest 0 z (fun j => eq_refl)).
  set (sq := sum n (fun i => (y i * y i)%R)).
  assert (Least : forall c, Forall (fun m0 => c <= m0) (psd.margins 0 rest) -> (IZR c * sq <= form n (fun i j => IZR (cell whole i j)) y)%R).
  { intros c F. assert (G := weighted_least c _ y 0 F). rewrite margins_length, Lr in G. cbn [Nat.add] in G.
    fold z in G. fold sq in G. rewrite <- bilinear_form. fold z. lra. }
  assert (Floor : forall i j, (0 <= S i j - IZR (cell whole i j) <= 1)%R).
  { intros i j. unfold S. rewrite Wh. set (v := cell scaled i j).
    assert (E := Z.div_mod v unit U0). assert (M := Z.mod_pos_bound v unit U).
    assert (E' : (IZR v = IZR unit * IZR (v / unit) + IZR (v mod unit))%R) by (rewrite <- mult_IZR, <- plus_IZR; f_equal; exact E).
    assert (Q : (IZR v / IZR unit - IZR (v / unit) = IZR (v mod unit) / IZR unit)%R) by (rewrite E'; field; lra).
    rewrite Q. assert (M1 : (0 <= IZR (v mod unit))%R) by (apply IZR_le; lia).
    assert (M2 : (IZR (v mod unit) <= IZR unit)%R) by (apply IZR_le; lia). split.
    - apply Rmult_le_pos; [exact M1 | left; apply Rinv_0_lt_compat; exact UR].
    - apply (Rmult_le_reg_r (IZR unit)); [exact UR|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  assert (Split : form n S y = (form n (fun i j => IZR (cell whole i j)) y + form n (fun i j => (S i j - IZR (cell whole i j))%R) y)%R).
  { unfold form. rewrite <- sum_add. apply sum_ext. intros i _. rewrite <- sum_add. apply sum_ext. intros j _. ring. }
  rewrite Split.
  apply orb_prop in H. destruct H as [H | H].
  - assert (F : Forall (fun m0 => Z.of_nat n - 1 <= m0) (psd.margins 0 rest)).
    { apply Forall_forall. intros m0 I. rewrite forallb_forall in H. apply Z.leb_le, H, I. }
    assert (G := Least _ F). assert (V := unknown_entries n (fun i j => (S i j - IZR (cell whole i j))%R) y (fun i j _ _ => Floor i j)).
    fold sq in V. rewrite minus_IZR, <- INR_IZR_INZ in G. lra.
  - apply andb_prop in H. destruct H as [H E].
    assert (F : Forall (fun m0 => 0 <= m0) (psd.margins 0 rest)).
    { apply Forall_forall. intros m0 I. rewrite forallb_forall in H. apply Z.leb_le, H, I. }
    assert (G := Least 0 F). simpl in G.
    assert (V : form n (fun i j => (S i j - IZR (cell whole i j))%R) y = 0%R).
    { unfold form. rewrite (sum_ext n _ (fun _ => 0%R)); [apply sum_zero|]. intros i I.
      rewrite (sum_ext n _ (fun _ => 0%R)); [apply sum_zero|]. intros j J.
      assert (Zero : S i j = IZR (cell whole i j)); [|rewrite Zero; ring].
      unfold S. rewrite Wh. set (v := cell scaled i j).
      assert (Dv : v mod unit = 0).
      { rewrite forallb_forall in E. destruct (Nat.lt_ge_cases i (length scaled)) as [I' | I'].
        - assert (Er := E (nth i scaled []) (nth_In _ _ I')). rewrite forallb_forall in Er.
          destruct (Nat.lt_ge_cases j (length (nth i scaled []))) as [J' | J'].
          + apply Z.eqb_eq. apply Er. unfold v, cell. apply nth_In. exact J'.
          + unfold v, cell. rewrite nth_overflow by exact J'. apply Z.mod_0_l. lia.
        - unfold v, cell. rewrite (nth_overflow scaled) by exact I'. destruct j; apply Z.mod_0_l; lia. }
      assert (Ev := Z.div_mod v unit U0). rewrite Dv, Z.add_0_r in Ev. rewrite Ev at 1. rewrite mult_IZR. field. lra. }
    rewrite V. lra.
Qed.

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
