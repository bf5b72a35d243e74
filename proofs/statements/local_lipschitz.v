(** *local-lipschitz*: how far a relu network can amplify a difference of two inputs in a box.

    Intervals say which neurons are on or off throughout; then rule *lipschitz*. Spec: statements.md#local-lipschitz. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require Import lipschitz.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := {
  layers : list matrix_words; biases : list matrix_words; low : matrix_words; high : matrix_words; limit : ratio
}.

(** ** What it says *)

Open Scope R_scope.

(** W_K relu(.. relu(W_1 x + b_1) ..) + b_K *)
Fixpoint relu_network (s : store) (ws bs : list matrix_words) (x : nat -> R) : nat -> R :=
  match ws, bs with
  | [w], [b] => fun i => image s w x i + meaning s b i 0
  | w :: ws', b :: bs' => relu_network s ws' bs' (fun i => relu (image s w x i + meaning s b i 0))
  | _, _ => x
  end.

Definition in_box (s : store) (w : words) (x : nat -> R) : Prop :=
  forall i, (i < inputs (layers w))%nat -> meaning s (low w) i 0 <= x i <= meaning s (high w) i 0.

Definition holds (s : store) (w : words) : Prop :=
  forall x y : nat -> R, in_box s w x -> in_box s w y ->
  let f := relu_network s (layers w) (biases w) in
  distance (outputs (layers w)) (f x) (f y) <= ratio_value (limit w) * ratio_value (limit w) * distance (inputs (layers w)) x y.

(** ** The check *)

Open Scope Z_scope.

Definition map_cells (f : Z -> Z) (m : matrix) : matrix :=
  {| m_rows := m_rows m; m_columns := m_columns m; m_cells := map (map f) (m_cells m); m_den := m_den m |}.

(** Columns: W+ lo + W- hi + b. *)
Definition end_of (w b up down : matrix) : matrix :=
  m_add (m_add (m_mul (map_cells pospart w) up) (m_mul (map_cells negpart w) down)) b.

(** Slopes of one layer: 1 or 0 for alpha, 1 or 0 for beta. *)
Definition states (lo hi : matrix) : list (list Z) :=
  map2 (fun l h => [if 0 <=? nth 0 l 0 then 1 else 0; if 0 <? nth 0 h 0 then 1 else 0]) (m_cells lo) (m_cells hi).

Fixpoint slopes_on (ws bs : list matrix) (lo hi : matrix) : list (list Z) :=
  match ws, bs with
  | w :: (_ :: _) as ws', b :: bs' =>
      let l := end_of w b lo hi in
      let h := end_of w b hi lo in
      (states l h ++ slopes_on ws' bs' (map_cells pospart l) (map_cells pospart h))%list
  | _, _ => []
  end.

Fixpoint biased (ws bs : list matrix) : bool :=
  match ws, bs with
  | [], [] => true
  | w :: ws', b :: bs' => (m_rows b =? m_rows w)%nat && (m_columns b =? 1)%nat && biased ws' bs'
  | _, _ => false
  end.

Definition input_size (ws : list matrix) : nat := match ws with [] => 0%nat | w :: _ => m_columns w end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  ws <- read_matrices s (layers w) ;;
  bs <- read_matrices s (biases w) ;;
  lo <- read_matrix s (low w) ;;
  hi <- read_matrix s (high w) ;;
  _ <- need "shape" ((2 <=? length ws)%nat && chained ws && biased ws bs) ;;
  _ <- need "shape" ((m_rows lo =? input_size ws) && (m_columns lo =? 1) && (m_rows hi =? input_size ws)
                     && (m_columns hi =? 1))%nat ;;
  _ <- need "empty-domain" (forallb (forallb (Z.leb 0)) (m_cells (m_sub hi lo))) ;;
  gain s e ws {| m_rows := hidden ws; m_columns := 2; m_cells := slopes_on ws bs lo hi; m_den := 1 |} (limit w).

(** ** Intervals *)

Open Scope R_scope.

Lemma cell_map f m i j : f 0%Z = 0%Z -> cell (m_cells (map_cells f m)) i j = f (cell (m_cells m) i j).
Proof.
  intros Z0. unfold cell, map_cells; simpl. change (@nil Z) with (map f []) at 1. rewrite (map_nth (map f)).
  rewrite <- Z0 at 1. apply (map_nth f).
Qed.

Lemma formed_map f m : formed m -> formed (map_cells f m).
Proof.
  intros (D & R & C & L & F). unfold formed, map_cells; simpl. rewrite map_length. repeat split; auto.
  rewrite Forall_forall in *. intros r H. apply in_map_iff in H. destruct H as (r' & <- & H). rewrite map_length. auto.
Qed.

(** Between the limits of a column. *)
Definition inside (n : nat) (lo hi : matrix) (x : nat -> R) : Prop :=
  forall i, (i < n)%nat -> value lo i 0 <= x i <= value hi i 0.

Definition column (n : nat) (m : matrix) : Prop := formed m /\ m_rows m = n /\ m_columns m = 1%nat.

Lemma end_column w b up down : formed w -> column (m_rows w) b -> column (m_columns w) up -> column (m_columns w) down ->
  column (m_rows w) (end_of w b up down) /\
  forall i, value (end_of w b up down) i 0 =
    sum (m_columns w) (fun j => value (map_cells pospart w) i j * value up j 0 + value (map_cells negpart w) i j * value down j 0)
    + value b i 0.
Proof.
  intros Fw (Fb & Rb & Cb) (Fu & Ru & Cu) (Fd & Rd & Cd). unfold end_of.
  assert (Fp : formed (m_mul (map_cells pospart w) up)) by (apply formed_mul; [apply formed_map; exact Fw | exact Fu]).
  assert (Fn : formed (m_mul (map_cells negpart w) down)) by (apply formed_mul; [apply formed_map; exact Fw | exact Fd]).
  assert (shape : forall a c, m_rows (m_add a c) = m_rows a /\ m_columns (m_add a c) = m_columns a).
  { intros a c. unfold m_add. destruct (_ =? _)%Z; split; reflexivity. }
  set (both_parts := m_add (m_mul (map_cells pospart w) up) (m_mul (map_cells negpart w) down)).
  assert (Fs : formed both_parts) by (apply formed_add; auto; simpl; congruence).
  assert (Rs : m_rows both_parts = m_rows w) by (unfold both_parts; rewrite (proj1 (shape _ _)); reflexivity).
  assert (Cs : m_columns both_parts = 1%nat) by (unfold both_parts; rewrite (proj2 (shape _ _)); exact Cu).
  split.
  - split; [apply formed_add; auto; congruence|]. destruct (shape both_parts b) as (-> & ->). auto.
  - intros i. rewrite value_add by assumption. f_equal. unfold both_parts. rewrite value_add by assumption.
    rewrite !value_mul; auto using formed_map. simpl. rewrite <- sum_add. reflexivity.
Qed.

Lemma parts_of w i j : (0 < m_den w)%Z ->
  0 <= value (map_cells pospart w) i j /\ value (map_cells negpart w) i j <= 0 /\
  value w i j = value (map_cells pospart w) i j + value (map_cells negpart w) i j.
Proof.
  intros D. unfold value. rewrite !cell_map by reflexivity. simpl. set (c := cell (m_cells w) i j).
  assert (P : 0 < / IZR (m_den w)) by (apply Rinv_0_lt_compat, IZR_lt, D). unfold Rdiv.
  assert (A : 0 <= IZR (pospart c)) by (apply IZR_le; unfold pospart; lia).
  assert (B : IZR (negpart c) <= 0) by (apply IZR_le; unfold negpart; lia).
  assert (S : IZR c = IZR (pospart c) + IZR (negpart c)) by (rewrite <- plus_IZR; f_equal; unfold pospart, negpart; lia).
  repeat split; [nra | nra | rewrite S; ring].
Qed.

Lemma inside_affine w b lo hi x : formed w -> column (m_rows w) b -> column (m_columns w) lo -> column (m_columns w) hi ->
  inside (m_columns w) lo hi x ->
  inside (m_rows w) (end_of w b lo hi) (end_of w b hi lo) (fun i => grown w x i + value b i 0).
Proof.
  intros Fw Cb Cl Ch X i Hi. destruct (end_column w b lo hi Fw Cb Cl Ch) as (_ & ->).
  destruct (end_column w b hi lo Fw Cb Ch Cl) as (_ & ->). unfold grown.
  split; apply Rplus_le_compat_r, sum_le; intros j Hj; destruct (X j Hj) as (A & B);
    destruct (parts_of w i j (proj1 Fw)) as (P & N & ->);
    set (p := value (map_cells pospart w) i j) in *; set (n := value (map_cells negpart w) i j) in *;
    pose proof (Rmult_le_compat_l p _ _ P A); pose proof (Rmult_le_compat_l p _ _ P B);
    pose proof (Rmult_le_compat_neg_l n _ _ N A); pose proof (Rmult_le_compat_neg_l n _ _ N B); lra.
Qed.

Lemma value_relu m i j : (0 < m_den m)%Z -> value (map_cells pospart m) i j = relu (value m i j).
Proof.
  intros D. unfold value. rewrite cell_map by reflexivity. simpl. set (c := cell (m_cells m) i j).
  assert (P : 0 < / IZR (m_den m)) by (apply Rinv_0_lt_compat, IZR_lt, D). unfold Rdiv, relu, pospart.
  destruct (Z.le_ge_cases c 0) as [L | L].
  - rewrite Z.max_r by exact L. apply IZR_le in L. rewrite Rmax_right by nra. simpl. ring.
  - rewrite Z.max_l by exact L. apply IZR_le in L. rewrite Rmax_left by nra. reflexivity.
Qed.

Lemma relu_mono a b : a <= b -> relu a <= relu b.
Proof. intros H. unfold relu. apply Rle_max_compat_r. exact H. Qed.

(** ** Slopes on a box *)

Lemma sign_of m i j : (0 < m_den m)%Z ->
  ((0 <= cell (m_cells m) i j)%Z -> 0 <= value m i j) /\ ((cell (m_cells m) i j <= 0)%Z -> value m i j <= 0).
Proof.
  intros D. assert (P : 0 < / IZR (m_den m)) by (apply Rinv_0_lt_compat, IZR_lt, D).
  unfold value, Rdiv. split; intros H; apply IZR_le in H; nra.
Qed.

Lemma relu_between lo hi x y (on off : bool) :
  (on = true -> 0 <= lo) -> (off = true -> hi <= 0) -> lo <= x <= hi -> lo <= y <= hi ->
  between (if on then 1 else 0) (if off then 0 else 1) (x - y) (relu x - relu y).
Proof.
  intros A B X Y. unfold between, relu. destruct on, off.
  - specialize (A eq_refl). specialize (B eq_refl). assert (x = 0) by lra. assert (y = 0) by lra. subst.
    rewrite Rmax_left by lra. lra.
  - specialize (A eq_refl). rewrite !Rmax_left by lra. lra.
  - specialize (B eq_refl). rewrite !Rmax_right by lra. lra.
  - destruct (Rle_lt_dec x 0); [rewrite (Rmax_right x 0) by lra | rewrite (Rmax_left x 0) by lra];
      (destruct (Rle_lt_dec y 0); [rewrite (Rmax_right y 0) by lra | rewrite (Rmax_left y 0) by lra]); nra.
Qed.

Lemma nth_map2_rows (g : list Z -> list Z -> list Z) : forall a b i, (i < length a)%nat -> (i < length b)%nat ->
  nth i (map2 g a b) [] = g (nth i a []) (nth i b []).
Proof. induction a as [|x a IH]; intros [|y b] [|i] H K; simpl in *; try lia; auto. apply IH; lia. Qed.

Lemma slopes_on_cons w v ws b bs lo hi :
  slopes_on (w :: v :: ws) (b :: bs) lo hi =
  (states (end_of w b lo hi) (end_of w b hi lo)
   ++ slopes_on (v :: ws) bs (map_cells pospart (end_of w b lo hi)) (map_cells pospart (end_of w b hi lo)))%list.
Proof. reflexivity. Qed.

Lemma states_correct n lo hi : column n lo -> column n hi ->
  length (states lo hi) = n /\ Forall (fun r => length r = 2%nat) (states lo hi) /\
  forall i x y, (i < n)%nat -> value lo i 0 <= x <= value hi i 0 -> value lo i 0 <= y <= value hi i 0 ->
  between (IZR (cell (states lo hi) i 0)) (IZR (cell (states lo hi) i 1)) (x - y) (relu x - relu y).
Proof.
  intros (Fl & Rl & Cl) (Fh & Rh & Ch).
  assert (Ll : length (m_cells lo) = n) by (rewrite <- Rl; apply Fl).
  assert (Lh : length (m_cells hi) = n) by (rewrite <- Rh; apply Fh).
  unfold states. split; [rewrite length_map2, Ll, Lh; apply Nat.min_id | split].
  - clear. generalize (m_cells lo), (m_cells hi). induction l as [|a l IH]; intros [|b l']; simpl; constructor; auto.
  - intros i x y Hi X Y. unfold cell. rewrite nth_map2_rows by lia.
    change (nth 0 (nth i (m_cells lo) []) 0%Z) with (cell (m_cells lo) i 0).
    change (nth 0 (nth i (m_cells hi) []) 0%Z) with (cell (m_cells hi) i 0). cbn [nth].
    destruct (sign_of lo i 0 (proj1 Fl)) as (A & _). destruct (sign_of hi i 0 (proj1 Fh)) as (_ & B).
    pose proof (relu_between _ _ x y (0 <=? cell (m_cells lo) i 0)%Z (negb (0 <? cell (m_cells hi) i 0)%Z)
                  (fun H => A (proj1 (Z.leb_le _ _) H))
                  (fun H => B (proj1 (Z.ltb_ge _ _) (proj1 (negb_true_iff _) H))) X Y) as G.
    destruct (0 <=? cell (m_cells lo) i 0)%Z, (0 <? cell (m_cells hi) i 0)%Z; exact G.
Qed.

Lemma column_relu n m : column n m -> column n (map_cells pospart m).
Proof. intros (F & R & C). split; [apply formed_map; exact F | auto]. Qed.

Lemma slopes_shape : forall ws bs lo hi, Forall formed ws -> Forall formed bs -> biased ws bs = true -> chained ws = true ->
  column (begins ws) lo -> column (begins ws) hi ->
  length (slopes_on ws bs lo hi) = hidden ws /\ Forall (fun r => length r = 2%nat) (slopes_on ws bs lo hi).
Proof.
  induction ws as [|w ws IH]; intros bs lo hi Fw Fb B C Cl Ch; [split; [reflexivity | constructor]|].
  destruct ws as [|v ws]; [split; [reflexivity | constructor]|]. destruct bs as [|b bs]; [discriminate|].
  apply Forall_cons_iff in Fw. apply Forall_cons_iff in Fb. destruct Fw as (Fw & Fws), Fb as (Fb & Fbs).
  cbn [biased] in B. apply andb_true_iff in B. destruct B as (B & Bs). apply andb_true_iff in B. destruct B as (Rb & Kb).
  apply Nat.eqb_eq in Rb. apply Nat.eqb_eq in Kb.
  cbn [chained] in C. apply andb_true_iff in C. destruct C as (C & Cs). apply Nat.eqb_eq in C.
  assert (Cb : column (m_rows w) b) by (split; auto).
  destruct (end_column w b lo hi Fw Cb Cl Ch) as (El & _). destruct (end_column w b hi lo Fw Cb Ch Cl) as (Eh & _).
  destruct (states_correct _ _ _ El Eh) as (Ls & As & _). rewrite slopes_on_cons, hidden_cons.
  destruct (IH bs (map_cells pospart (end_of w b lo hi)) (map_cells pospart (end_of w b hi lo))) as (L & A); auto;
    try (cbn [begins]; rewrite C; apply column_relu; assumption).
  split; [rewrite app_length; lia | apply Forall_app; auto].
Qed.

Lemma relu_network_cons s w v ws b bs x : relu_network s (w :: v :: ws) (b :: bs) x =
  relu_network s (v :: ws) bs (fun i => relu (image s w x i + meaning s b i 0)).
Proof. destruct bs; reflexivity. Qed.

(** Wx of a matrix as it was read. *)
Lemma image_grown s w m x i : reads s w m -> (i < m_rows m)%nat -> image s w x i = grown m x i.
Proof.
  intros (F & R & C & V) Hi. unfold grown, image. rewrite <- C. apply sum_ext. intros j Hj. rewrite V by assumption. reflexivity.
Qed.

Lemma local_reaches s : forall mws ws bws bs lo hi x y,
  Forall2 (reads s) mws ws -> Forall2 (reads s) bws bs -> ws <> [] -> biased ws bs = true -> chained ws = true ->
  column (begins ws) lo -> column (begins ws) hi -> inside (begins ws) lo hi x -> inside (begins ws) lo hi y ->
  let k := slopes_on ws bs lo hi in
  reaches (fun i => IZR (cell k i 0)) (fun i => IZR (cell k i 1)) 0 ws (fun i => x i - y i)
    (fun i => relu_network s mws bws x i - relu_network s mws bws y i).
Proof.
  induction mws as [|mw mws IH]; intros ws bws bs lo hi x y Hw Hb N B C Cl Ch X Y k;
    inversion Hw as [|? w ? ws' Rw Hws]; subst; [contradiction|].
  destruct bs as [|b bs]; [discriminate|]. inversion Hb as [|bw ? bws' ? Rb Hbs]; subst.
  destruct Hws as [|mw' w' mws ws Rw' Hws].
  - destruct Hbs; [|cbn [biased] in B; rewrite andb_false_r in B; discriminate].
    cbn [reaches relu_network]. intros i Hi. rewrite (grown_image s mw w x y i Rw Hi). ring.
  - assert (Fw : formed w) by apply Rw. assert (Fb : formed b) by apply Rb.
    cbn [biased] in B. fold (biased (w' :: ws) bs) in B.
    apply andb_true_iff in B. destruct B as (B & Bs). apply andb_true_iff in B. destruct B as (Rwb & Kb).
    apply Nat.eqb_eq in Rwb. apply Nat.eqb_eq in Kb.
    cbn [chained] in C. fold (chained (w' :: ws)) in C.
    apply andb_true_iff in C. destruct C as (C & Cs). apply Nat.eqb_eq in C.
    assert (Cb : column (m_rows w) b) by (split; auto).
    destruct (end_column w b lo hi Fw Cb Cl Ch) as (El & _). destruct (end_column w b hi lo Fw Cb Ch Cl) as (Eh & _).
    destruct (states_correct _ _ _ El Eh) as (Ls & _ & Ss).
    assert (at_neuron : forall v i, (i < m_rows w)%nat ->
      image s mw v i + meaning s bw i 0 = grown w v i + value b i 0).
    { intros v i Hi. rewrite (image_grown s mw w v i Rw Hi). destruct Rb as (_ & _ & _ & V). rewrite V by lia. reflexivity. }
    pose proof (inside_affine w b lo hi x Fw Cb Cl Ch X) as Zx. pose proof (inside_affine w b lo hi y Fw Cb Cl Ch Y) as Zy.
    apply reaches_cons; [discriminate|].
    exists (fun i => relu (image s mw x i + meaning s bw i 0) - relu (image s mw y i + meaning s bw i 0)). split.
    + intros i Hi. rewrite (grown_image s mw w x y i Rw Hi).
      replace (image s mw x i - image s mw y i)
        with ((image s mw x i + meaning s bw i 0) - (image s mw y i + meaning s bw i 0)) by ring.
      rewrite !at_neuron by exact Hi. cbn [Nat.add]. unfold k. rewrite slopes_on_cons.
      unfold cell. rewrite app_nth1 by (rewrite Ls; exact Hi). apply Ss; auto.
    + rewrite !relu_network_cons.
      refine (reaches_ext _ _ _ _ _ _ _ _ _ _
        (IH (w' :: ws) bws' bs (map_cells pospart (end_of w b lo hi)) (map_cells pospart (end_of w b hi lo))
          (fun i => relu (image s mw x i + meaning s bw i 0)) (fun i => relu (image s mw y i + meaning s bw i 0))
          _ Hbs _ Bs Cs _ _ _ _)).
      * intros i _. cbn [Nat.add]. unfold k. rewrite slopes_on_cons. unfold cell.
        rewrite !app_nth2 by (rewrite Ls; lia). rewrite Ls. replace (m_rows w + i - m_rows w)%nat with i by lia. auto.
      * constructor; assumption.
      * discriminate.
      * cbn [begins]. rewrite C. apply column_relu. exact El.
      * cbn [begins]. rewrite C. apply column_relu. exact Eh.
      * cbn [begins]. rewrite C. intros i Hi. rewrite !value_relu, at_neuron by (try apply El; try apply Eh; exact Hi).
        destruct (Zx i Hi). split; apply relu_mono; assumption.
      * cbn [begins]. rewrite C. intros i Hi. rewrite !value_relu, at_neuron by (try apply El; try apply Eh; exact Hi).
        destruct (Zy i Hi). split; apply relu_mono; assumption.
Qed.

Lemma begins_is ws : input_size ws = begins ws.
Proof. reflexivity. Qed.

Theorem local_lipschitz_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  unfold check. intros H.
  apply bind_ok in H. destruct H as (ws & Hws & H). apply bind_ok in H. destruct H as (bs & Hbs & H).
  apply bind_ok in H. destruct H as (lo & Hlo & H). apply bind_ok in H. destruct H as (hi & Hhi & H).
  apply bind_ok in H. destruct H as (u1 & S1 & H). apply bind_ok in H. destruct H as (u2 & S2 & H).
  apply bind_ok in H. destruct H as (u3 & S3 & H). apply need_ok in S1. apply need_ok in S2.
  repeat match goal with Q : (_ && _ = true)%bool |- _ => apply andb_true_iff in Q; destruct Q end.
  repeat match goal with
  | Q : (_ =? _)%nat = true |- _ => apply Nat.eqb_eq in Q
  | Q : (2 <=? _)%nat = true |- _ => apply Nat.leb_le in Q
  end.
  apply read_all in Hws. apply read_all in Hbs.
  pose proof (read_matrix_correct s _ _ Hlo : reads s (low w) lo) as Rlo.
  pose proof (read_matrix_correct s _ _ Hhi : reads s (high w) hi) as Rhi.
  rewrite begins_is in *.
  assert (Cl : column (begins ws) lo) by (split; [apply Rlo | auto]).
  assert (Ch : column (begins ws) hi) by (split; [apply Rhi | auto]).
  pose proof (all_formed _ _ _ Hws) as Fws. pose proof (all_formed _ _ _ Hbs) as Fbs.
  assert (N : ws <> []) by (destruct ws; [simpl in *; lia | discriminate]).
  assert (Hp : (1 <= hidden ws)%nat).
  { destruct ws as [|a [|b l]]; [simpl in *; lia | simpl in *; lia|]. apply Forall_inv in Fws. rewrite hidden_cons.
    destruct Fws as (_ & Ra & _). lia. }
  destruct (slopes_shape ws bs lo hi) as (Len & All); auto.
  set (k := {| m_rows := hidden ws; m_columns := 2; m_cells := slopes_on ws bs lo hi; m_den := 1 |}) in *.
  assert (Fk : formed k) by (repeat split; auto; simpl; lia).
  assert (In : forall v, in_box s w v -> inside (begins ws) lo hi v).
  { intros v V i Hi. rewrite <- (begins_reads _ _ _ Hws) in Hi. specialize (V i Hi).
    rewrite (begins_reads _ _ _ Hws) in Hi.
    destruct Rlo as (_ & _ & _ & Vl), Rhi as (_ & _ & _ & Vh). rewrite Vl, Vh by lia. exact V. }
  intros x y X Y f. unfold f, distance. rewrite (ends_reads _ _ _ Hws), (begins_reads _ _ _ Hws).
  refine (gain_correct s e ws k (limit w) H Fws Fk (fun i => x i - y i)
            (fun i => relu_network s (layers w) (biases w) x i - relu_network s (layers w) (biases w) y i) _).
  refine (reaches_ext _ _ _ _ _ 0%nat _ _ _ _ (local_reaches s _ ws _ bs lo hi x y Hws Hbs N _ _ Cl Ch (In x X) (In y Y)));
    try assumption.
  intros i _. unfold value, k. simpl. unfold Rdiv. rewrite Rinv_1, !Rmult_1_r. auto.
Qed.
